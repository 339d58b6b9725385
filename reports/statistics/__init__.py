"""Estimates and how sure they are: arrays in, numbers out, nothing else.

Everything is minimised.  The resampled unit is the seed of a benchmark, or the cluster of those that share something;
benchmarks are never resampled.  What cannot be computed is NaN with a note that says why.  Indicators of several
objectives are in ``reports.statistics.fronts``, which alone needs moocore.
"""

from reports.statistics.adjusted import benjamini_hochberg, holm
from reports.statistics.aggregates import (
    Profile,
    interquartile_mean,
    performance_profile,
    probability_of_improvement,
)
from reports.statistics.anytime import Curve, curve, log_area, stratified_curve
from reports.statistics.correlations import ranks, spearman, spearman_p
from reports.statistics.effects import (
    cliffs_delta,
    cohens_d,
    hedges_g,
    small_sample_factor,
    superiority,
    superiority_by_normal,
    superiority_estimate,
)
from reports.statistics.estimates import Clusters, Estimate, Floats, Mean, Significance, design_effect, mean, share
from reports.statistics.pairs import Paired, Pairs, d_z, match, paired, wilcoxon
from reports.statistics.planning import (
    RANK_EFFICIENCY,
    Plan,
    detectable_effect,
    detectable_paired_effect,
    power_of_paired_test,
    power_of_test,
    required_pairs,
    required_seeds,
    required_seeds_for_superiority,
    simulated_power,
)
from reports.statistics.rankings import Ranking, friedman, ranks_over_time
from reports.statistics.significance import mann_whitney, permutation, students_t, welchs_t
from reports.statistics.targets import (
    Survival,
    expected_running_time,
    first_reached,
    kaplan_meier,
    log_rank,
    share_reached,
    success_rate,
)
from reports.statistics.two_samples import TwoSamples, two_samples

__all__ = [
    "RANK_EFFICIENCY",
    "Clusters",
    "Curve",
    "Estimate",
    "Floats",
    "Mean",
    "Paired",
    "Pairs",
    "Plan",
    "Profile",
    "Ranking",
    "Significance",
    "Survival",
    "TwoSamples",
    "benjamini_hochberg",
    "cliffs_delta",
    "cohens_d",
    "curve",
    "d_z",
    "design_effect",
    "detectable_effect",
    "detectable_paired_effect",
    "expected_running_time",
    "first_reached",
    "friedman",
    "hedges_g",
    "holm",
    "interquartile_mean",
    "kaplan_meier",
    "log_area",
    "log_rank",
    "mann_whitney",
    "match",
    "mean",
    "paired",
    "performance_profile",
    "permutation",
    "power_of_paired_test",
    "power_of_test",
    "probability_of_improvement",
    "ranks",
    "ranks_over_time",
    "required_pairs",
    "required_seeds",
    "required_seeds_for_superiority",
    "share",
    "share_reached",
    "simulated_power",
    "small_sample_factor",
    "spearman",
    "spearman_p",
    "stratified_curve",
    "students_t",
    "success_rate",
    "superiority",
    "superiority_by_normal",
    "superiority_estimate",
    "two_samples",
    "welchs_t",
    "wilcoxon",
]
