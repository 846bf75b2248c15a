"""Teaching: what is known beforehand, simulators and other models make a network better than its rows alone would."""

from typing import TYPE_CHECKING

from splinework import lazy

if TYPE_CHECKING:  # what `lazy` reads, too; `transfer` and `distil` are modules and, in them, functions
    from splinework.knowledge.teach.active_learning import Suggestion, suggest
    from splinework.knowledge.teach.alignment import aligned_edges
    from splinework.knowledge.teach.distil import DistillationResult
    from splinework.knowledge.teach.domain_randomisation import marginalised, randomised
    from splinework.knowledge.teach.features import FeaturedResult
    from splinework.knowledge.teach.fit import InformedResult
    from splinework.knowledge.teach.identifiability import Identifiability, identifiable
    from splinework.knowledge.teach.pde import EquationSolution, solve_equations
    from splinework.knowledge.teach.query_points import QueryPoints
    from splinework.knowledge.teach.teacher import Teacher, TeacherKAN
    from splinework.knowledge.teach.transfer import TransferResult

__all__ = [
    "DistillationResult", "EquationSolution", "FeaturedResult", "Identifiability", "InformedResult", "QueryPoints",
    "Suggestion", "Teacher", "TeacherKAN", "TransferResult", "aligned_edges", "identifiable", "marginalised",
    "randomised", "solve_equations", "suggest",
]  # fmt: skip

__getattr__ = lazy(__name__)
