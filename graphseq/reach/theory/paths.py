"""The weights of powers of Â along paths and rings, and the spectral gap of a path."""

from __future__ import annotations

import math

from graphseq import _checks
from graphseq._arguments import checked_arguments


@checked_arguments
def path_crossing(num_rows: int) -> float:
    r"""Compute the weight from end to end of an undirected path in as many layers as it has hops: (Â^(n-1))₀,ₙ₋₁.

    .. math:: (\hat A^{n-1})_{0,n-1} = 3^{-(n-3)} / 6 \quad (n \ge 3), \qquad 1/2 \quad (n = 2), \qquad 1 \quad (n = 1)

    It is the product of the entries of Â along the only route, 1/√6 at either end and 1/3 between. In fewer layers the
    weight is exactly 0.

    Args:
        num_rows: n.

    Raises:
        ValueError: n below 1.

    Source: Kipf and Welling (2017), eq. 2, multiplied out along the path.

    Example:
        >>> f"{path_crossing(20):.3g}"
        '1.29e-09'
    """
    n = _checks.at_least("num_rows", num_rows, 1)
    return float(3.0 ** (3 - n) / 6) if n > 2 else 1.0 / n


@checked_arguments
def path_gap(num_rows: int) -> float:
    r"""Compute the spectral gap 1 - λ₂ of Â on an undirected path, with a relative error of about 1/(2 n³).

    .. math:: 1 - \lambda_2 \approx \tfrac{2}{3} \big(1 - \cos \tfrac{\pi}{n - 2/3}\big)
              = \frac{\pi^2}{3 n^2} + O(n^{-3})

    Over-smoothing takes about 1 / gap layers. Eigenvectors D̃^(1/2) f have f = cos((i + a) θ) in the interior. The
    boundary condition, a ghost row f₋₁ = λ f₀, gives a = 1/6 for small θ, so that half a period spans n - 1 + 2a rows.
    Since λₙ ≥ -1/3, ``1 - |λ|`` is also smallest at λ₂, from n = 3 on.

    Args:
        num_rows: n, 2 or more.

    Raises:
        ValueError: n below 2.

    Source: the discrete Neumann problem, Levin, Peres and Wilmer, *Markov chains and mixing times* (2009), section
    12.3, here with a holding probability of 1/2 at the ends.

    Example:
        >>> f"{path_gap(100):.6f}"
        '0.000333'
    """
    n = _checks.at_least("num_rows", num_rows, 2)
    return 2 / 3 * (1 - math.cos(math.pi / (n - 2 / 3)))


@checked_arguments
def directed_path_weight(target: int, source: int, num_layers: int) -> float:
    r"""Compute the weight (Â^L)ᵢⱼ from source j to target i on a path of edges past → future only.

    .. math:: (\hat A^L)_{i,0} = \sqrt 2 \, P[\mathrm{Bin}(L, \tfrac12) \ge i], \qquad
              (\hat A^L)_{i,j} = P[\mathrm{Bin}(L, \tfrac12) = i - j] \quad (j \ge 1)

    and 1 at (0, 0), 0 where the source is later. Only the first row has in-degree 1, so that it keeps its value.

    Args:
        target: i, from 0.
        source: j, from 0.
        num_layers: L, 0 or more.

    Raises:
        ValueError: a negative number.

    Source: PyG's ``gcn_norm`` on in-degrees; D̃^(-1) Ã is a walk that stays or steps back with probability ½ each.

    Example:
        >>> directed_path_weight(1, 0, 1) ** 2  # 1/√2 squared
        0.5000000000000001
    """
    i, j = _checks.at_least("target", target, 0), _checks.at_least("source", source, 0)
    layers = _checks.layers("num_layers", num_layers, 0)
    if i == 0 or j > i:
        return float(i == j)
    steps = [i - j] if j else range(i, layers + 1)
    walks = sum(math.comb(layers, k) for k in steps)
    weight: float = walks / 2**layers
    return weight if j else math.sqrt(2) * weight


@checked_arguments
def endless_path_weight(hops: int, num_layers: int) -> float:
    r"""Compute the weight (Â^L)ᵢ,ᵢ₊ᵣ over r hops on an endless path, a trinomial coefficient over 3^L.

    .. math:: 3^{-L} [z^r] (z^{-1} + 1 + z)^L = 3^{-L} \sum_k \binom{L}{k} \binom{L - k}{k + r}

    It is exact on a ring of n rows for L < n - r, and on a path where no walk of L steps between the two rows reaches
    an end.

    Args:
        hops: r, 0 or more.
        num_layers: L, 0 or more.

    Raises:
        ValueError: a negative number.

    Source: Feller, *An introduction to probability theory and its applications* I (1968), chapter XIV, for the walk.

    Example:
        >>> endless_path_weight(1, 1) * 3
        1.0
    """
    r, layers = _checks.layers("hops", hops, 0), _checks.layers("num_layers", num_layers, 0)
    walks = sum(math.comb(layers, k) * math.comb(layers - k, k + r) for k in range((layers - r) // 2 + 1))
    weight: float = walks / 3**layers
    return weight


@checked_arguments
def best_depth(hops: int) -> int:
    r"""Compute the depth of the largest weight over r hops of an endless path, about 1.5 r².

    .. math:: \arg\max_L (\hat A^L)_{i,i+r} = \lfloor (3 r^2 - 1) / 2 \rfloor

    The walk tends to a Gaussian of variance 2L/3, whose value at r is largest at L = 1.5 r². The floor was compared
    with the exact weights for every r from 1 to 60, and agrees (at r = 2 depths 4, 5 and 6 have equal weights). On a
    finite path or ring it does not hold at depths where walks reach the ends: the weights tend to
    :func:`stationary_weights`.

    Args:
        hops: r, 1 or more.

    Raises:
        ValueError: r below 1.

    Source: :func:`endless_path_weight` and the central limit theorem.

    Example:
        >>> best_depth(10)
        149
    """
    return (3 * _checks.layers("hops", hops, 1) ** 2 - 1) // 2
