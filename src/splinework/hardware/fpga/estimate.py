"""Estimates the LUTs, flip-flops, latency and clock frequency of a design before synthesis.

Resources are counted exactly (`estimate_counts`, `estimate_paths`); their unit costs were fitted by least squares to synthesised
random networks by `python benchmarks/bench_fpga.py calibrate`, which prints the tables below, and were tested on others by
`python benchmarks/bench_fpga.py estimator`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import log2
from types import MappingProxyType
from typing import Final

from splinework.errors import ConfigError
from splinework.hardware.fpga.circuit import FpgaDesign, FpgaOptions
from splinework.hardware.fpga.estimate_counts import ResourceCounts, counts
from splinework.hardware.fpga.estimate_paths import TimingPath, longest
from splinework.hardware.fpga.plan import design as plan
from splinework.hardware.fpga.technologies import FpgaTechnology, technology_of
from splinework.hardware.integer import IntegerModel

_MAX_STAGE_LEVELS = 4  # Largest number of adder levels per cycle that is tried


@dataclass(frozen=True)
class UnitCosts:
    """Fitted cost of one of each resource.

    Attributes:
        lookup: Number of LUT inputs.
        chain: Width of the shortest adder to which Yosys gives a carry chain.
        area: Area of each resource of `ResourceCounts`, in the unit of the technology.
        delays: Delay of each step of a path in ns; None if the technology is not placed.
    """

    lookup: int
    chain: int
    area: Mapping[str, float]
    delays: TimingPath | None = None


def _area(**costs: float) -> Mapping[str, float]:
    return MappingProxyType(costs)


COSTS: Final[Mapping[str, UnitCosts]] = MappingProxyType(
    {
        "xcup": UnitCosts(6, 3, _area(
            lookups=1.008, parts=1.223, muxes=1.116, more_parts=1.438, more_muxes=1.328, opposites=0.989,
            adder_bits=1.008, soft_bits=1.56, merged_bits=0.263, clamps=0.72
        )),
        "ecp5": UnitCosts(4, 5, _area(
            lookups=0.828, parts=0.862, muxes=0.298, more_parts=1.108, more_muxes=0.331, absorbed=0.991,
            adder_bits=0.028, carry_bits=1.108, soft_bits=1.608, merged_bits=0.595, clamps=0.871
        ), TimingPath(0.599, 1.303, 0.356, 1.007, 0.112, 0.062)),
        "ice40": UnitCosts(4, 3, _area(
            lookups=1.169, parts=1.39, muxes=1.144, more_parts=1.28, more_muxes=1.034, absorbed=1.035,
            carry_bits=0.72, soft_bits=2.085, merged_bits=0.329, clamps=0.397
        ), TimingPath(0.213, 1.403, 1.198, 0.552, 0.178, 0.107)),
        "ice40-up5k": UnitCosts(4, 3, _area(
            lookups=1.004, parts=1.109, muxes=1.031, more_parts=1.223, more_muxes=1.121, absorbed=0.998,
            carry_bits=0.828, soft_bits=2.0, merged_bits=0.364, clamps=0.413
        ), TimingPath(4.642, 0.008, 3.156, 2.857, 0.521, 0.097)),
        "asic": UnitCosts(4, 3, _area(
            lookups=3.667, parts=5.231, muxes=1.018, more_parts=4.751, more_muxes=1.009, absorbed=1.002,
            opposites=0.983, adder_bits=7.171, carry_bits=1.124, soft_bits=0.999, merged_bits=0.761, clamps=0.281,
            flipflops=3.948
        )),
    }
)  # fmt: skip
"""Fitted costs by technology."""

_SAME_COSTS: Final = {"ecp5-25": "ecp5"}  # Technologies with the costs of another one


@dataclass(frozen=True)
class Estimate:
    """The estimated resources of a design.

    Attributes:
        luts: Area in the unit of the technology.
        unit: `LUTs`, or `NAND2 equivalents` for ASICs.
        flipflops: Number of flip-flops.
        latency_cycles: Exact latency in cycles.
        fmax_mhz: Maximum clock after routing in MHz; None if the technology is not routed.
    """

    technology: str
    luts: int
    unit: str
    flipflops: int
    latency_cycles: int
    fmax_mhz: float | None


def costs_of(technology: str | FpgaTechnology) -> UnitCosts:
    """The fitted costs of a technology.

    Raises:
        ConfigError: If the technology is unknown.
    """
    name = technology_of(technology).name
    return COSTS[_SAME_COSTS.get(name, name)]


def estimate(design: FpgaDesign, technology: str | FpgaTechnology) -> Estimate:
    """Estimates the resources of a design on a technology, such as `xcup`, `ecp5`, `ice40` or `asic`.

    Raises:
        ConfigError: If the technology is unknown.
    """
    chosen, costs = technology_of(technology), costs_of(technology)
    found = counts(design, costs.lookup, costs.chain)
    luts = round(area_of(found, costs.area))
    fmax = None
    if costs.delays is not None:
        way = replace(longest(design, costs.lookup, costs.delays), size=size_of(found, luts))
        fmax = round(1000.0 / way.period(costs.delays), 1)
    return Estimate(chosen.name, luts, chosen.unit, found.flipflops, design.latency_cycles, fmax)


def area_of(found: ResourceCounts, area: Mapping[str, float]) -> float:
    """The total area of all resources."""
    return float(sum(cost * getattr(found, name) for name, cost in area.items()))


def size_of(found: ResourceCounts, luts: float) -> float:
    """Logarithmic size of a circuit, log2(LUTs + flip-flops)."""
    return log2(1 + luts + found.flipflops)


def choose_depth(
    model: IntegerModel, technology: str | FpgaTechnology, mhz: float, options: FpgaOptions | None = None
) -> FpgaDesign:
    """The design with the lowest latency whose estimated frequency reaches a clock in MHz.

    The pipeline depth and the technology of the options are replaced.

    Raises:
        ConfigError: If the technology is not routed, or no pipeline depth reaches the clock.
    """
    chosen = technology_of(technology)
    if costs_of(chosen).delays is None:
        raise ConfigError(
            f"no free program routes {chosen.name}, so its frequency is unknown without the vendor's tools; choose ecp5 or "
            "ice40, or set stage_levels yourself."
        )
    base = replace(options if options is not None else FpgaOptions(), technology=chosen.name.partition("-")[0])
    slow: list[tuple[FpgaDesign, Estimate]] = []
    for levels in range(_MAX_STAGE_LEVELS, 0, -1):
        found = plan(model, replace(base, stage_levels=levels))
        taken = estimate(found, chosen)
        if _reaches(taken, mhz):
            return _fewer_cycles(model, chosen, mhz, base, found, slow)
        slow.append((found, taken))
    fastest, taken = max(slow, key=lambda pair: pair[1].fmax_mhz or 0.0)
    raise ConfigError(
        f"{model.name} reaches about {taken.fmax_mhz:g} MHz on {chosen.name} in {fastest.latency_cycles} cycles, below the "
        f"required {mhz:g} MHz; lower the clock, use fewer bits, or leave fewer edges per node."
    )


def _reaches(taken: Estimate, mhz: float) -> bool:
    return taken.fmax_mhz is not None and taken.fmax_mhz >= mhz


def _fewer_cycles(
    model: IntegerModel,
    technology: FpgaTechnology,
    mhz: float,
    base: FpgaOptions,
    found: FpgaDesign,
    slow: list[tuple[FpgaDesign, Estimate]],
) -> FpgaDesign:
    """The lowest latency between a depth that is fast enough and the next one that is not."""
    if base.max_cycles is not None:
        return found
    first = slow[-1][0].latency_cycles + 1 if slow else max(1, found.latency_cycles // 2)
    for cycles in range(first, found.latency_cycles):
        try:
            between = plan(model, replace(base, stage_levels=1, max_cycles=cycles))
        except ConfigError:
            continue
        if _reaches(estimate(between, technology), mhz):
            return between
    return found
