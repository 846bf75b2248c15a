"""Teaching: what is known beforehand, simulators and other models make a network better than its rows alone would."""

from typing import TYPE_CHECKING

from splinework import lazy

if TYPE_CHECKING:  # what `lazy` reads, too; `transfer` and `distil` are modules and, in them, functions
    from splinework.knowledge.teach.active import Suggestion, suggest
    from splinework.knowledge.teach.alignment import aligned_edges
    from splinework.knowledge.teach.distil import Distilled
    from splinework.knowledge.teach.fit import InformedResult
    from splinework.knowledge.teach.identify import Identifiability, identifiable
    from splinework.knowledge.teach.pde import Solved, solve_equations
    from splinework.knowledge.teach.points import Points
    from splinework.knowledge.teach.randomise import marginalised, randomised
    from splinework.knowledge.teach.teacher import Teacher, TeacherKAN
    from splinework.knowledge.teach.transfer import Transfer

__all__ = [
    "Distilled",
    "Identifiability",
    "InformedResult",
    "Points",
    "Solved",
    "Suggestion",
    "Teacher",
    "TeacherKAN",
    "Transfer",
    "aligned_edges",
    "identifiable",
    "marginalised",
    "randomised",
    "solve_equations",
    "suggest",
]

__getattr__ = lazy(__name__)
