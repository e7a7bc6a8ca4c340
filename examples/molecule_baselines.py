"""What a chemist would set beside a graph network, on the same folds; ``molecules.py`` prints them above its models.

The commonest class or the mean; a linear model of what the atoms are, counted over the molecule, which knows every
feature that the models are given and no bond; ridge regression on twelve descriptors of RDKit, where there are SMILES;
and a support vector machine on the Weisfeiler-Lehman subtree kernel, where there are classes. Penalties, and how many
hops the kernel reads, are chosen by cross-validation within each training fold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LogisticRegressionCV, RidgeCV
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import graphseq as gs

Values = NDArray[np.float64]
Fold = tuple[NDArray[np.int64], NDArray[np.int64]]  # numbers of the graphs to train on, and to test on
Baseline = Callable[[Values, Fold], Values]  # answers to the test, from all answers, of which it reads the training's
PENALTIES = np.logspace(-3, 3, 13)
HOPS = range(1, 7)  # of the kernel


def inner(y: Values) -> StratifiedKFold:
    """The folds within a training fold: five, or as many as its rarest class has graphs."""
    rarest = int(np.unique(y, return_counts=True)[1].min())
    return StratifiedKFold(max(2, min(5, rarest)), shuffle=True, random_state=0)


def atoms(data: gs.io.GraphDataset) -> Values:
    """The features of all atoms of each molecule, summed, (B, F)."""
    found: Values = np.stack([graph.x.sum(dim=0).double().numpy() for graph in data.graphs])
    return found


def classify(x: Values, y: Values, fold: Fold) -> Values:
    """Logistic regression on standardised features; scikit-learn chooses the penalty."""
    train, test = fold
    chosen = LogisticRegressionCV(
        Cs=PENALTIES, cv=inner(y[train]), scoring="accuracy", max_iter=2000, l1_ratios=(0,), use_legacy_attributes=False
    )
    found: Values = make_pipeline(StandardScaler(), chosen).fit(x[train], y[train]).predict(x[test])
    return found


def regress(x: Values, y: Values, fold: Fold) -> Values:
    """Ridge regression on standardised features; scikit-learn chooses the penalty, leaving out one at a time."""
    train, test = fold
    found: Values = make_pipeline(StandardScaler(), RidgeCV(PENALTIES)).fit(x[train], y[train]).predict(x[test])
    return found


def kernel_machine(kernels: Sequence[Values], y: Values, fold: Fold) -> Values:
    """A support vector machine on the kernel of as many hops as do best within the training fold."""
    train, test = fold
    searches = [GridSearchCV(SVC(kernel="precomputed"), {"C": PENALTIES}, cv=inner(y[train])) for _ in kernels]
    for search, kernel in zip(searches, kernels, strict=True):
        search.fit(kernel[np.ix_(train, train)], y[train])
    best = max(range(len(kernels)), key=lambda number: searches[number].best_score_)  # of equals the fewest hops
    found: Values = searches[best].predict(kernels[best][np.ix_(test, train)])
    return found


def baselines(data: gs.io.GraphDataset) -> dict[str, Baseline]:
    """By name, those that this data set has what is needed for."""
    x, none = atoms(data), np.zeros((len(data.graphs), 1))

    def guess(kind: type) -> Baseline:
        return lambda y, fold: kind().fit(none[fold[0]], y[fold[0]]).predict(none[fold[1]])

    if data.graphs[0].y.is_floating_point():
        found = {"mean": guess(DummyRegressor), "ridge, atoms counted": lambda y, fold: regress(x, y, fold)}
        if data.smiles:
            told = gs.datasets.descriptors(data.smiles).numpy()
            found["ridge, RDKit descriptors"] = lambda y, fold: regress(told, y, fold)
        return found
    counts = [gs.subtree_features(data.graphs, hops) for hops in HOPS]
    kernels = [(each @ each.T).toarray() for each in counts]
    return {
        "majority": guess(DummyClassifier),
        "logistic, atoms counted": lambda y, fold: classify(x, y, fold),
        "WL subtree kernel, SVM": lambda y, fold: kernel_machine(kernels, y, fold),
    }
