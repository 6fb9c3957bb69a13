"""Measures of layers and networks: each takes any graph and gives a number, a number a group, or one a neuron.

`measure` gives many of them as one tidy table. A graph is a LayerGraph, a Snapshot, a networkx or igraph graph, or a
symmetric SciPy or NumPy adjacency.
"""

from netsparse.analysis.aae import aae
from netsparse.analysis.clustering import clustering, latapy_clustering, robins_alexander_clustering
from netsparse.analysis.coalescent import Embedding, coalescent_embedding, hyperbolic_radii, radius, theta
from netsparse.analysis.communities import (
    bipartite_modularity,
    community,
    community_group_overlap,
    community_sizes,
    largest_community,
    modularity,
    n_communities,
)
from netsparse.analysis.community_dynamics import community_flow, community_stability
from netsparse.analysis.degrees import (
    degree,
    degree_assortativity,
    degree_entropy,
    degree_gini,
    density,
    max_degree,
    mean_degree,
    n_links,
)
from netsparse.analysis.estimate import Estimate
from netsparse.analysis.hyperbolic import c_score, hd_correlation, hyperbolic_distance, poincare_radius
from netsparse.analysis.itop import itop_rate
from netsparse.analysis.lcp import lcp_correlation
from netsparse.analysis.measure import MEASURES, measure
from netsparse.analysis.metadepth import hierarchical_span, k_core_depth, meta_depth, nominal_depth
from netsparse.analysis.navigation import (
    GreedyRouting,
    congruence,
    geometrical_congruence,
    geometrical_congruence_weighted,
    greedy_routing,
    greedy_routing_efficiency,
    greedy_routing_hops,
    greedy_routing_score,
    greedy_routing_success,
)
from netsparse.analysis.network import Network, as_network
from netsparse.analysis.npso import NPSO, npso
from netsparse.analysis.nulls import erdos_renyi, rewired
from netsparse.analysis.paths import (
    betweenness,
    characteristic_path_length,
    closeness,
    diameter,
    edge_betweenness,
    global_efficiency,
    local_efficiency,
    mean_betweenness,
    mean_edge_betweenness,
    radiality,
)
from netsparse.analysis.percolation import (
    anp_rate,
    credit_assigned_paths,
    giant_component,
    hub_path_share,
    log10_credit_assigned_paths,
    n_components,
)
from netsparse.analysis.percolation_curves import (
    PercolationCurve,
    degree_node_percolation_area,
    degree_node_percolation_threshold,
    percolation_curve,
    random_link_percolation_area,
    random_link_percolation_threshold,
    random_node_percolation_area,
    random_node_percolation_threshold,
    weight_link_percolation_area,
    weight_link_percolation_threshold,
)
from netsparse.analysis.powerlaw import PowerLawFit, fit_power_law, power_law_gamma, power_law_p, power_law_x_min
from netsparse.analysis.powerlaw_alternatives import (
    LikelihoodRatio,
    compare_power_law,
    power_law_exponential_p,
    power_law_exponential_ratio,
    power_law_lognormal_p,
    power_law_lognormal_ratio,
)
from netsparse.analysis.registry import list_measures
from netsparse.analysis.rich_club import RichClub, rich_club, rich_club_coefficient, rich_club_p, rich_club_peak
from netsparse.analysis.separability import (
    angular_separability,
    angular_separability_index,
    angular_separability_p,
)
from netsparse.analysis.significance import significance
from netsparse.analysis.small_world import small_world_omega, small_world_sigma
from netsparse.analysis.structural_consistency import structural_consistency
from netsparse.analysis.undefined import Undefined

__all__ = [
    "MEASURES",
    "NPSO",
    "Embedding",
    "Estimate",
    "GreedyRouting",
    "LikelihoodRatio",
    "Network",
    "PercolationCurve",
    "PowerLawFit",
    "RichClub",
    "Undefined",
    "aae",
    "angular_separability",
    "angular_separability_index",
    "angular_separability_p",
    "anp_rate",
    "as_network",
    "betweenness",
    "bipartite_modularity",
    "c_score",
    "characteristic_path_length",
    "closeness",
    "clustering",
    "coalescent_embedding",
    "community",
    "community_flow",
    "community_group_overlap",
    "community_sizes",
    "community_stability",
    "compare_power_law",
    "congruence",
    "credit_assigned_paths",
    "degree",
    "degree_assortativity",
    "degree_entropy",
    "degree_gini",
    "degree_node_percolation_area",
    "degree_node_percolation_threshold",
    "density",
    "diameter",
    "edge_betweenness",
    "erdos_renyi",
    "fit_power_law",
    "geometrical_congruence",
    "geometrical_congruence_weighted",
    "giant_component",
    "global_efficiency",
    "greedy_routing",
    "greedy_routing_efficiency",
    "greedy_routing_hops",
    "greedy_routing_score",
    "greedy_routing_success",
    "hd_correlation",
    "hierarchical_span",
    "hub_path_share",
    "hyperbolic_distance",
    "hyperbolic_radii",
    "itop_rate",
    "k_core_depth",
    "largest_community",
    "latapy_clustering",
    "lcp_correlation",
    "list_measures",
    "local_efficiency",
    "log10_credit_assigned_paths",
    "max_degree",
    "mean_betweenness",
    "mean_degree",
    "mean_edge_betweenness",
    "measure",
    "meta_depth",
    "modularity",
    "n_communities",
    "n_components",
    "n_links",
    "nominal_depth",
    "npso",
    "percolation_curve",
    "poincare_radius",
    "power_law_exponential_p",
    "power_law_exponential_ratio",
    "power_law_gamma",
    "power_law_lognormal_p",
    "power_law_lognormal_ratio",
    "power_law_p",
    "power_law_x_min",
    "radiality",
    "radius",
    "random_link_percolation_area",
    "random_link_percolation_threshold",
    "random_node_percolation_area",
    "random_node_percolation_threshold",
    "rewired",
    "rich_club",
    "rich_club_coefficient",
    "rich_club_p",
    "rich_club_peak",
    "robins_alexander_clustering",
    "significance",
    "small_world_omega",
    "small_world_sigma",
    "structural_consistency",
    "theta",
    "weight_link_percolation_area",
    "weight_link_percolation_threshold",
]
