"""Any model on any data: the door through which every measurement of a model goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq._prompt import short_repr
from graphseq.reach.measures.range import Range
from graphseq.reach.probe import by_hop, norms, ranges
from graphseq.reach.probe import structure as structures
from graphseq.reach.probe.by_hop import HopProfile
from graphseq.reach.probe.gcn_blocks import block_norms
from graphseq.reach.probe.hops import hops_to_answers
from graphseq.reach.probe.inside import Inside
from graphseq.reach.probe.rows import as_answers
from graphseq.reach.probe.structure import Structure


@short_repr
@dataclass(frozen=True)
class ReceptiveField:
    """The rows whose input can change an answer."""

    rows: Tensor  #: ascending, (R,)
    is_measured: bool  #: found by the Jacobian alone, since structure and Jacobian disagree or structure is unknown
    why: str  #: the layers, and what was compared or where they disagree


class Probe(Inside):
    r"""A model on its data as one function from the rows' features (V, F) to its answers (K, C).

    .. math:: f: \mathbb{R}^{V \times F} \to \mathbb{R}^{K \times C}, \qquad
              J_{kv} = \partial f_k / \partial x_v \in \mathbb{R}^{C \times F}

    A row is a node of a graph, or one time of a sequence. The model is called as its signature says, with arguments
    taken from the data by their names; ``print(probe)`` says what it gets and what it does not read. It is measured in
    evaluation mode and left exactly as it was, with all random state; data is left as it was, too.

    Args:
        model: any callable. A PyG model, or another module of (x, edge_index, …), or of (data); a module of one tensor
            of sequences, such as ``nn.LSTM`` (the first of what it returns is its output); a model or an encoder of
            this library.
        data: PyG ``Data`` or ``Batch``; a tensor of sequences, as the model reads it: (B, T, F), (T, F), or integer
            tokens (B, T), (T,); a :class:`~graphseq.SpaceTimeGraph`, which models of others read unrolled. Tensors are
            taken to the device of the model, and floating ones to the precision of its weights. Also a loader of any of
            these, a data set or a list of graphs: its batches are joined to one, and the loader is left where it was.
            Of a loader of neighbourhoods, the answers are those at its seeds.
        call: ``call(model, x)`` in place of what the signature says; x has the shape that it has in the data.
        output: what an answer is of: "node", "edge" or "graph"; or a function of what the model returns, which gives
            the answers. By default found from the shape, and refused where it fits several. Edges are those of
            ``edge_label_index``, where the data has it, else of ``edge_index``.
        rows: the row of each answer, (K,), of a model that answers at some rows only; with it answers are (K, C).
        states: the names of the modules whose outputs are states, ``*`` for one part between dots: ``["convs.*"]``.
            By default layers (message passing, recurrent, attention), norms and pooling modules.
        layout: the axes of a tensor of sequences, such as "TBF"; by default read from ``batch_first`` of the modules.
        input: the name of the module whose output counts as x, such as an encoder of atoms.
        tokens: of integer features, what counts as x: the output of the "embedding" that reads them, or a relaxed
            "one-hot" row.
        detached: measure the gradient as it is, although a part of the model has none, such as a branch under
            ``torch.no_grad``; by default such a model is refused, since influence is a derivative.
        double: measure a copy of the model in float64, as a reference or for derivatives below 1e-38.

    Attributes:
        x: features of the rows, (V, F); a copy.
        graph: the V rows and the edges between them, on which hops are counted; its own features are not the data's.
        kind: "node", "edge" or "graph".
        notes: sentences on how the model is called.

    Raises:
        TypeError: a model that cannot be called, or data of another type, heterogeneous graphs among them.
        ValueError: a model that requires what the data lacks, answers that fit several kinds or none, a model that is
            random in evaluation mode, a loader of batches whose graphs the model mixes.

    Example:
        >>> import torch, torch_geometric as pyg
        >>> data = pyg.data.Data(x=torch.randn(4, 3), edge_index=torch.tensor([[0, 1, 2], [1, 2, 3]]))
        >>> probe = Probe(pyg.nn.GCN(3, 8, num_layers=2, out_channels=5), data)
        >>> probe
        Probe(GCN: x (4, 3) → 4 nodes × 5)
          called as GCN(x=x, edge_index=edge_index)
        >>> (probe.influence(nodes=[3]) > 0).tolist()
        [[False, True, True, True]]
    """

    _structure: Structure | None = None

    def __repr__(self) -> str:
        """The model, what it maps to what, and how it is called."""
        rows, features = self.x.shape
        name = type(self.model).__name__
        of_sequences = {"node": "time", "graph": "sequence"} if "T" in self.source.rows.layout else {}
        kind = of_sequences.get(self.kind, self.kind)
        head = f"Probe({name}: x ({rows}, {features}) → {self.num_outputs} {kind}s × {self.out_channels})"
        return "\n".join([head, *(f"  {note}" for note in self.notes)])

    @checked_arguments
    def hops(self, outputs: object = None, *, causal: bool = False) -> Tensor:
        """Compute the hops from every row to the row of each answer, (K, V); -1 where there is no path.

        Of an answer at a pair, the hops to its nearer end; of an answer of a sequence, the steps to its last one.

        Args:
            outputs: the numbers of the answers, (K,); ``None`` for all.
            causal: hops along time past → future only.

        Raises:
            ValueError: answers of graphs that are no sequences, which are at no row.
        """
        return hops_to_answers(self, as_answers(outputs), causal=causal)

    @checked_arguments
    def influence(
        self,
        nodes: object = None,
        *,
        outputs: object = None,
        norm: norms.Norm = "fro",
        wrt: str = "x",
        max_entries: int = 2**33,
    ) -> Tensor:
        r"""Compute the influence of each row on answers, a norm of each block of the Jacobian, exact up to rounding.

        .. math:: I_{kv} = \left\| \partial f_k / \partial x_v \right\|

        Args:
            nodes: the rows whose answers are measured, as numbers or as a mask (V,); ``None`` for all.
            outputs: the numbers of the answers, (K,), in place of ``nodes``: of edges, of graphs.
            norm: "fro", the root of the sum of squares over the C × F channels; "l1", the sum of absolute entries;
                "max", the largest absolute entry; "spectral", the largest singular value.
            wrt: what counts as input: "x"; "edge_attr" or "edge_weight", with one column an edge; or a state by name,
                with one column a row where it has one line a row.
            max_entries: the most entries of the Jacobian to compute.

        Returns:
            (K, V), in the precision of the model.

        Raises:
            TooLargeError: the Jacobian is larger than ``max_entries``.
            ValueError: a row, an answer or a state that does not exist; a model that is random in evaluation mode, or
                whose answers change with its input but not by a gradient, as under ``torch.no_grad``.
        """
        chosen = self.chosen(nodes, outputs)
        found = block_norms(self, chosen, wrt, norm, max_entries)
        if found is not None:
            return found
        with self.jacobian(chosen, wrt) as measured:
            return norms.norms(measured, norm, max_entries)

    @checked_arguments
    def by_hop(
        self,
        nodes: object = None,
        *,
        outputs: object = None,
        samples: int = 256,
        normalize: Literal["self", "total"] | None = None,
        norm: norms.Norm = "fro",
        ci: float = 0.95,
        seed: int = 0,
        causal: bool = False,
    ) -> HopProfile:
        r"""Measure the total influence of the rows at each hop on an answer, averaged over answers, with intervals.

        .. math:: P_h = \frac{1}{K} \sum_k \sum_{v:\, d(k, v) = h} I_{kv}

        Rows from which no path leads to an answer have a sum of their own, ``no_path``. Of a model with one answer a
        sequence, hops are the steps to the last one. A sample of answers stands for
        all, at the cost of C backward passes an answer, or fewer where answers of different graphs share them.

        Args:
            nodes: the rows whose answers are meant, as numbers or as a mask (V,); ``None`` for all.
            outputs: the numbers of the answers, in place of ``nodes``.
            samples: the number of answers to measure, drawn without replacement, at least 2; all where there are fewer.
            normalize: "self" divides by the mean influence of the answers' own rows, "total" by that of all rows.
            norm: as for :meth:`influence`.
            ci: the confidence of the intervals.
            seed: of the sample.
            causal: hops along time past → future only.

        Raises:
            ValueError: answers of graphs that are no sequences, which are at no row; "self" where own rows have no
                influence.

        Source: Liang et al., *Towards quantifying long-range interactions in graph machine learning* (2025), section 4.
        """
        chosen = self.chosen(nodes, outputs)
        _checks.between("ci", ci, 0, 1)
        return by_hop.by_hop(
            self, chosen, samples=samples, normalize=normalize, norm=norm, ci=ci, seed=seed, causal=causal
        )

    @checked_arguments
    def range(
        self,
        nodes: object = None,
        *,
        outputs: object = None,
        distance: Literal["hop", "resistance"] = "hop",
        level: Literal["node", "graph"] | None = None,
        norm: norms.Norm = "l1",
        normalize: bool = True,
        samples: int = 256,
        seed: int = 0,
        max_entries: int = 2**28,
    ) -> Range:
        r"""Measure the range: the mean distance of the rows on which answers depend, weighted by influence.

        .. math:: \hat\rho_k = \sum_v I_{kv}\, d(k, v) \Big/ \sum_v I_{kv}, \qquad
                  \hat\rho_G = \frac1V \sum_u \frac{\sum_v H_{uv}\, d(u, v)}{\sum_v H_{uv}}

        Answers at rows take C backward passes each, or fewer where they share them. The Hessians of answers of graphs
        take n F C passes through the gradient, n the rows of the largest graph: all graphs share them where none reads
        another. A GRU of 32 units with 4 outputs takes 2 seconds on one core for 40 sequences of 20 steps and 8
        features, and about four times as long for twice the steps.

        Args:
            nodes: the rows whose answers are measured; ``None`` for all.
            outputs: the numbers of the answers, in place of ``nodes``.
            distance: "hop" or "resistance", the effective resistance between two rows of undirected edges.
            level: "node", the range ρ of answers at rows; "graph", that of a whole graph: of answers at rows the mean
                of their ranges, of answers of graphs the range ρ_G from their Hessians H, with one ρ a row. Either way
                it is the ``graph`` of the result, whose ``node`` has the parts. By default what the model answers.
            norm: of the Jacobian, "l1" as in the paper, for answers at rows.
            normalize: divide by the total influence, so that the scale of the answers does not matter.
            samples: the most answers to measure, drawn without replacement; for answers at rows.
            seed: of the sample.
            max_entries: the most entries of the C Hessians of one graph, C (n F)²; for answers of graphs.

        Returns:
            The range of each measured answer, their mean, and the share of influence without a path, which is left out.
            What depends on no row has none, NaN, and the ``note`` of the result says so: the Hessian of a ReLU network
            with a sum or mean over rows is 0, for example.

        Raises:
            ValueError: a level that does not fit the answers, an answer that does not exist or whose graph has no rows,
                or resistance on directed edges.
            TooLargeError: Hessians larger than ``max_entries``.

        Source: Bamberger et al., *On measuring long-range interactions in graph neural networks* (2025).
        """
        chosen = self.chosen(nodes, outputs)
        ranges.check_level(self, level)
        if self.kind == "graph":
            return ranges.of_graphs(self, chosen, distance, normalize=normalize, max_entries=max_entries)
        return ranges.of_rows(self, chosen, distance, norm=norm, normalize=normalize, samples=samples, seed=seed)

    @checked_arguments
    def attribution(self, output: int, channel: int = 0, *, baseline: Tensor | float = 0.0, points: int = 64) -> Tensor:
        r"""Attribute one number of an answer to the features of all rows, along a straight path from a baseline.

        .. math:: a_{vf} = (x_{vf} - x'_{vf}) \int_0^1
                  \frac{\partial f_{kc}(x' + \alpha (x - x'))}{\partial x_{vf}}\, d\alpha, \qquad
                  \sum_{vf} a_{vf} = f_{kc}(x) - f_{kc}(x')

        The sum is exact for smooth models; with ReLUs it is as exact as the integral, which more points make so.

        Args:
            output: the number of the answer, k.
            channel: of the answer, c.
            baseline: x', (V, F), or one number.
            points: of the Gauss-Legendre quadrature.

        Returns:
            (V, F).

        Source: Sundararajan, Taly and Yan, *Axiomatic attribution for deep networks* (2017), integrated gradients.
        """
        at, c = _checks.at_least("output", output, 0), _checks.at_least("channel", channel, 0)
        if at >= self.num_outputs or c >= self.out_channels:
            raise ValueError(
                f"output={at}, channel={c} is outside the {self.num_outputs} answers of {self.out_channels} channels"
            )
        start = self._baseline(baseline)
        nodes, weights = np.polynomial.legendre.leggauss(_checks.at_least("points", points, 1))
        total = torch.zeros_like(self.x)
        self._check_derivative()
        with self.opened():
            for alpha, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
                x = (start + float(alpha) * (self.x - start)).requires_grad_()
                value = self.function(x, weights=False)[at, c]
                if value.requires_grad:
                    found = torch.autograd.grad(value, x, allow_unused=True)[0]
                    total = total if found is None else total + float(weight) * found
        return (self.x - start) * total

    def _baseline(self, baseline: Tensor | float) -> Tensor:
        if not isinstance(baseline, Tensor):
            baseline = torch.tensor(_checks.finite("baseline", baseline), dtype=torch.float64)
        is_number, start = baseline.numel() == 1, baseline.detach()
        fits = (is_number or start.shape == self.x.shape) and not start.is_complex()
        start = start.to(self.x.device, self.x.dtype) if fits else start
        if not fits or not start.isfinite().all():
            shape = tuple(self.x.shape)
            came = _checks.shown(baseline)
            raise ValueError(f"baseline must be a finite number, or hold such, (V, F) = {shape}; got {came}")
        return start.reshape(()).expand_as(self.x) if is_number else start

    def structure(self) -> Structure:
        """Read which rows the answers depend on from the layers of the model, and compare with its Jacobian.

        Found once and kept. The layers' hops, whole graphs and sequences are those of their kinds; what the Jacobian
        contradicts is not claimed, and ``str`` says where.
        """
        if self._structure is None:
            self._structure = structures.structure(self)
        return self._structure

    @checked_arguments
    def receptive_field(self, output: int) -> ReceptiveField:
        """Find the rows whose input can change an answer, from the structure of the model where its Jacobian agrees.

        Where it does not agree, they are the rows at which the Jacobian is not zero, at any of several points like the
        data, and ``is_measured`` says so.

        Args:
            output: the number of the answer: a row of a model that answers at each, the number of a graph or a pair.

        Raises:
            ValueError: an answer that does not exist.
        """
        at = _checks.at_least("output", output, 0)
        if at >= self.num_outputs:
            raise ValueError(f"output must lie in 0 to {self.num_outputs - 1}, got {at}")
        known, one = self.structure(), torch.tensor([at])
        if known.agrees:
            found = structures.fields(self, one, known.layers, known.skips)
        else:
            found = structures.measured(self, one)
        return ReceptiveField(torch.from_numpy(found[0].nonzero()[0]), not known.agrees, str(known))

    @checked_arguments
    def chosen(self, nodes: object, outputs: object) -> Tensor | None:
        """The numbers of the answers that ``nodes`` or ``outputs`` choose; ``None`` for all."""
        if nodes is not None and outputs is not None:
            raise ValueError("nodes=… and outputs=… were both given; they choose the same thing")
        picked = as_answers(outputs)
        if picked is None:
            return None if nodes is None else self.outputs_at(nodes)
        if picked.dim() != 1 or picked.is_floating_point() or picked.is_complex() or picked.dtype == torch.bool:
            raise ValueError(f"outputs must be integers of shape (K,), got {picked.dtype} {tuple(picked.shape)}")
        return picked.long()
