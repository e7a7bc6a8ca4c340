"""Baselines on the same folds as the models of ``molecules.py``, which prints them above its models.

The most frequent class or the mean; a linear model of the atom features summed over the molecule, which has every
feature of the models but no bonds; ridge regression on twelve descriptors of RDKit, for molecules given as SMILES; and
a support vector machine on the Weisfeiler-Lehman subtree kernel, for classes. Penalties and the number of hops of the
kernel are chosen by cross-validation within each training fold.
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
Baseline = Callable[
    [Values, Fold], Values
]  # from all targets, of which it reads the training part, to predictions for the test part
PENALTIES = np.logspace(-3, 3, 13)
HOPS = range(1, 7)  # of the kernel


def inner(y: Values) -> StratifiedKFold:
    """Return the folds within a training fold: five, or as many as its rarest class has graphs."""
    rarest = int(np.unique(y, return_counts=True)[1].min())
    return StratifiedKFold(max(2, min(5, rarest)), shuffle=True, random_state=0)


def atoms(data: gs.io.GraphDataset) -> Values:
    """Return the sum of the features of all atoms of each molecule, (B, F)."""
    sums: Values = np.stack([graph.x.sum(dim=0).double().numpy() for graph in data.graphs])
    return sums


def classify(x: Values, y: Values, fold: Fold) -> Values:
    """Predict by logistic regression on standardised features; scikit-learn chooses the penalty."""
    train, test = fold
    classifier = LogisticRegressionCV(
        Cs=PENALTIES, cv=inner(y[train]), scoring="accuracy", max_iter=2000, l1_ratios=(0,), use_legacy_attributes=False
    )
    predictions: Values = make_pipeline(StandardScaler(), classifier).fit(x[train], y[train]).predict(x[test])
    return predictions


def regress(x: Values, y: Values, fold: Fold) -> Values:
    """Predict by ridge regression on standardised features; scikit-learn chooses the penalty by leaving one out."""
    train, test = fold
    predictions: Values = make_pipeline(StandardScaler(), RidgeCV(PENALTIES)).fit(x[train], y[train]).predict(x[test])
    return predictions


def kernel_machine(kernels: Sequence[Values], y: Values, fold: Fold) -> Values:
    """Predict by a support vector machine on the kernel whose number of hops is best within the training fold."""
    train, test = fold
    searches = [GridSearchCV(SVC(kernel="precomputed"), {"C": PENALTIES}, cv=inner(y[train])) for _ in kernels]
    for search, kernel in zip(searches, kernels, strict=True):
        search.fit(kernel[np.ix_(train, train)], y[train])
    best = max(range(len(kernels)), key=lambda number: searches[number].best_score_)  # of ties the fewest hops
    predictions: Values = searches[best].predict(kernels[best][np.ix_(test, train)])
    return predictions


def baselines(data: gs.io.GraphDataset) -> dict[str, Baseline]:
    """Return the baselines that apply to this data set, by name."""
    x, none = atoms(data), np.zeros((len(data.graphs), 1))

    def constant(kind: type) -> Baseline:
        return lambda y, fold: kind().fit(none[fold[0]], y[fold[0]]).predict(none[fold[1]])

    if data.graphs[0].y.is_floating_point():
        methods = {"mean": constant(DummyRegressor), "ridge, atoms counted": lambda y, fold: regress(x, y, fold)}
        if data.smiles:
            descriptors = gs.datasets.descriptors(data.smiles).numpy()
            methods["ridge, RDKit descriptors"] = lambda y, fold: regress(descriptors, y, fold)
        return methods
    counts = [gs.baselines.subtree_features(data.graphs, hops) for hops in HOPS]
    kernels = [(count @ count.T).toarray() for count in counts]
    return {
        "majority": constant(DummyClassifier),
        "logistic, atoms counted": lambda y, fold: classify(x, y, fold),
        "WL subtree kernel, SVM": lambda y, fold: kernel_machine(kernels, y, fold),
    }
