"""Measurements of the inside of any model: its states, layer by layer, and the steps of its recurrence."""

from __future__ import annotations

from torch import Tensor

from graphseq._arguments import checked_arguments, checked_but
from graphseq.reach import layer_jacobians, signal, spectrum
from graphseq.reach.layer_jacobians import LayerJacobians
from graphseq.reach.measures.lyapunov import lyapunov_exponents
from graphseq.reach.measures.memory import Horizon, gradient_over_lags, memory_horizon
from graphseq.reach.probe import over_layers, recurrence
from graphseq.reach.probe.chain import chain_of
from graphseq.reach.probe.function import RowFunction
from graphseq.reach.probe.loss_gradients import Loss
from graphseq.reach.probe.over_layers import LayerMeasures, Measure
from graphseq.reach.signal import StateGradients


class Inside(RowFunction):
    """A model on its data, whose states are measured; the arguments are those of :class:`graphseq.reach.Probe`."""

    def over_layers(self, *measures: str | Measure) -> LayerMeasures:
        """Measure the states of the rows: features, then what each layer, norm and pooling module returns.

        States are what modules return, before any function between them, such as a ReLU; choose them by ``states=`` of
        the probe. Of a model or an encoder of this library they are those of its trace: layers, or the time steps of a
        recurrence.

        Args:
            measures: "dirichlet" (energy), "rayleigh" (quotient), "limit" (distance from the limit of over-smoothing),
                under the operator of the model's layers; "mad", "mad_gap", "rank" (effective), "rank_collapse"; or
                functions of (states, graph) or of states alone.

        Returns:
            One number for each state and measure; ``str`` gives a table.

        Raises:
            ValueError: no measure, or one of an unknown name.
        """
        return over_layers.over_layers(self, measures)

    @checked_but("layer")
    def layer_spectrum(self, layer: int | str, *, max_entries: int = 2**24) -> Tensor:
        """Compute all singular values of the Jacobian of one state in the state before it.

        Args:
            layer: the number of the state, from 1, counting as ``over_layers`` does, or its name; of a recurrence of
                this library the step, from 2.
            max_entries: the most entries of the Jacobian.

        Returns:
            Singular values in float64, descending; see :func:`graphseq.reach.layer_spectrum`.

        Raises:
            TooLargeError: a larger Jacobian.
            ValueError: a state that does not exist.
        """
        with chain_of(self) as chain:
            return spectrum.singular_values(chain, layer, max_entries)

    @checked_arguments
    def layer_jacobians(self, *, max_entries: int = 2**24) -> LayerJacobians:
        """Compute how much the Jacobian of each state in the one before stretches and shrinks changes.

        Args:
            max_entries: the most entries of each Jacobian.

        Raises:
            TooLargeError: a larger Jacobian.

        Source: as :func:`graphseq.reach.layer_jacobians`.
        """
        with chain_of(self) as chain:
            return layer_jacobians.of_chain(chain, max_entries)

    @checked_arguments
    def state_gradients(self, loss: Loss, *, y: Tensor | None = None, outputs: Tensor | None = None) -> StateGradients:
        r"""Compute the norm of the gradient of a loss in each state, the mean over the graphs of the data.

        .. math:: g_k = \frac1B \sum_b \left\| \frac{\partial L_b}{\partial S_k} \right\|_F

        L_b is the loss of the answers of graph b alone. States whose lines are of no rows, edges or graphs are left
        out; ``names`` says which are there.

        Args:
            loss: a function of answers (K, C) and ``y``.
            y: one entry for each answer that has a loss; ``None`` for that of the data.
            outputs: the numbers of the answers that have a loss, or a mask (K,), such as ``data.train_mask``; ``None``
                for all.

        Raises:
            ValueError: no ``y``, one of another length, or a loss that is no number.
        """
        return signal.of_function(self, loss, y, outputs)[0]

    @checked_arguments
    def row_gradients(self, loss: Loss, *, y: Tensor | None = None, outputs: Tensor | None = None) -> Tensor:
        """Compute the norm of the gradient of a loss in each row of each state that has one line a row, (K, V).

        Args:
            loss: as for :meth:`state_gradients`.
            y: likewise.
            outputs: likewise.
        """
        return signal.of_function(self, loss, y, outputs)[1]

    @checked_arguments
    def step_jacobians(self, sequence: int = 0, *, module: str | None = None) -> Tensor:
        r"""Compute the Jacobian of each step of a recurrence, ∂ state_t / ∂ state_{t-1}, along the states on the data.

        The state of ``nn.RNN``, ``GRU`` and ``LSTM`` is h, and c, of all layers, and the first step is that from their
        first state. Of an ``nn.LSTMCell`` and the like, which the model calls once a step, it is what the cell returns,
        from the second step on, and whatever the model does between two calls counts. Of a recurrent model of this
        library it is the state of all nodes of a graph, from the second step on.

        Args:
            sequence: the number of the sequence in what the module reads; of a model of this library, the graph.
            module: the name of the recurrent module, where there are several.

        Returns:
            (T, S, S), or (T - 1, S, S).

        Raises:
            ValueError: no recurrent module, or several, one that reads both ways, or a sequence that does not exist.
        """
        return recurrence.jacobians_of_steps(self, sequence, module)

    @checked_arguments
    def lyapunov(self, sequence: int = 0, *, module: str | None = None, skipped: int = 0) -> Tensor:
        """Compute the Lyapunov exponents of a recurrence on one sequence, (S,), descending.

        Args:
            sequence: as for :meth:`step_jacobians`.
            module: likewise.
            skipped: steps at the beginning that are not in the mean.

        Raises:
            ValueError: as :meth:`step_jacobians` and :func:`graphseq.reach.measures.lyapunov_exponents`.

        Source: as :func:`graphseq.reach.measures.lyapunov_exponents`.
        """
        return lyapunov_exponents(self.step_jacobians(sequence, module=module), skipped=skipped)

    @checked_arguments
    def memory_horizon(self, sequence: int = 0, *, module: str | None = None) -> Horizon:
        """Compute the memory horizon of a recurrence on one sequence, from the norms of products of its Jacobians.

        Args:
            sequence: as for :meth:`step_jacobians`.
            module: likewise.

        Source: as :func:`graphseq.reach.measures.memory_horizon`.
        """
        return memory_horizon(gradient_over_lags(self.step_jacobians(sequence, module=module)))
