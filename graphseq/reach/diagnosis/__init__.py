"""The reason why a model does not learn its data: :func:`diagnose`, its evidence, its rules and its advice."""

from graphseq.reach.diagnosis.advice import Advice
from graphseq.reach.diagnosis.diagnosis import Diagnosis, diagnose
from graphseq.reach.diagnosis.evidence import Evidence
from graphseq.reach.diagnosis.judge import FINDINGS
from graphseq.reach.diagnosis.thresholds import Thresholds

__all__ = ["FINDINGS", "Advice", "Diagnosis", "Evidence", "Thresholds", "diagnose"]
