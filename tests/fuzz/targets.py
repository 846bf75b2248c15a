"""Every target by its name: whatever the library reads has a row here."""

from tests.fuzz import documents, subjects, tables
from tests.fuzz.cases import Target

TARGETS: dict[str, Target] = {
    "model": subjects.model_file,
    "estimator": subjects.estimator_file,
    "certificate": subjects.certificate_file,
    "golden": subjects.golden_file,
    "marker": subjects.marker_file,
    "recipe": subjects.recipe_values,
    "checkpoint": subjects.journal_file,
    "formula": subjects.formula,
    "partial": subjects.partial_formula,
    "unit": subjects.unit,
    "axiom": subjects.axiom,
    "axioms": subjects.axioms_file,
    "toml": subjects.toml_file,
    "place": subjects.place,
    "table": tables.table,
    "options": tables.options,
    "analog": documents.analog_file,
    "netlist": documents.netlist_file,
    "forged": documents.forged_certificate,
    "search": documents.search_file,
    "recipes": documents.recipe_file,
    "config": documents.options_file,
    "environment": documents.environment,
    "pykan": documents.pykan_files,
    "arrays": documents.array_files,
    "arrow": documents.arrow_data,
    "editor": documents.editor_request,
}
