"""Teaching: what is known beforehand, simulators and other models make a network better than its rows alone would."""

from typing import TYPE_CHECKING

from splinework import lazy

if TYPE_CHECKING:
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

# Loaded when first used. `transfer` and `distil` are modules and, in them, functions: teach.transfer.transfer.
_HOMES = {
    "Distilled": "distil",
    "Identifiability": "identify",
    "InformedResult": "fit",
    "Points": "points",
    "Solved": "pde",
    "Suggestion": "active",
    "Teacher": "teacher",
    "TeacherKAN": "teacher",
    "Transfer": "transfer",
    "aligned_edges": "alignment",
    "identifiable": "identify",
    "marginalised": "randomise",
    "randomised": "randomise",
    "solve_equations": "pde",
    "suggest": "active",
}

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
