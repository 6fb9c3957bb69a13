"""GraphML and GML: written by us, by networkx, by igraph, by hand, and broken."""

import warnings

import igraph
import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp

import netsparse as ns
from netsparse import MaskFormatError, NetsparseError, Run
from netsparse.adjacency import as_adjacency
from netsparse.graph import LayerGraph, Snapshot
from netsparse.masks.form import FORMS

GRAPHS = ["graphml", "gml"]
KINDS = [None, "float64", "float32", "float16", "int64", "int8", "uint64", "bool"]


@pytest.mark.parametrize("form", GRAPHS)
@pytest.mark.parametrize("kind", KINDS)
def test_graphs_come_back_exactly(nasty_layers, kind, form, tmp_path, weighted, same):
    for layer in nasty_layers:
        snapshot = Snapshot([weighted(layer, kind, largest=2**53 + 1)], epoch=2)
        FORMS[form].write(snapshot, tmp_path / "m.x")
        assert same(ns.load(tmp_path / "m.x"), snapshot), layer


@pytest.mark.parametrize("form", GRAPHS)
def test_graphs_of_several_layers_come_back_exactly(nasty_layer, form, tmp_path, weighted, same):
    layers = [
        weighted(nasty_layer, kind, name, (f"{name} in", f"{name} out"))
        for kind, name in ((None, "()"), ("float32", "[]"), ("int8", "5"))
    ]
    layers.append(layers[0].renamed("parallel", "() in", "() out"))
    turned = LayerGraph.from_mask(nasty_layer.biadjacency.T, "back", "() out", "() in")
    snapshot = Snapshot([*layers, turned])
    FORMS[form].write(snapshot, tmp_path / "m.x")
    assert same(ns.load(tmp_path / "m.x"), snapshot)


@pytest.mark.parametrize("form", GRAPHS)
def test_our_graphs_are_ordinary_graphs(random_layer, form, tmp_path):
    layer = random_layer(1)
    layer.weights.setflags(write=True)
    layer.weights[:2] = (1e-5, -1e-30)
    FORMS[form].write(Snapshot([layer]), tmp_path / f"m.{form}")
    theirs = nx.read_graphml(tmp_path / "m.graphml") if form == "graphml" else nx.read_gml(tmp_path / "m.gml")
    assert nx.is_isomorphic(theirs, layer.to_networkx())
    with warnings.catch_warnings():  # igraph leaves some escapes as they are
        warnings.simplefilter("ignore")
        theirs = igraph.Graph.Load(str(tmp_path / f"m.{form}"))
    assert theirs.es["weight"] == layer.weights.tolist()


def save_igraph(graph: igraph.Graph, path) -> None:
    with warnings.catch_warnings():  # GML has no truth values
        warnings.simplefilter("ignore")
        graph.save(str(path))


def write_networkx(graph: nx.Graph, path) -> None:
    (nx.write_gml if path.suffix == ".gml" else nx.write_graphml)(graph, path)


@pytest.mark.parametrize("form", GRAPHS)
def test_graphs_of_networkx(form, tmp_path):
    path = tmp_path / f"m.{form}"
    club = nx.karate_club_graph()
    write_networkx(club, path)
    assert np.array_equal(ns.load(path).toarray(), as_adjacency(club).toarray())
    assert ns.load(path, threshold=3).nnz < ns.load(path).nnz
    women = nx.davis_southern_women_graph()
    women.graph.clear()  # lists, which GraphML does not have
    write_networkx(women, path)
    layer = ns.load(path).layers[0]
    sides = list(nx.get_node_attributes(women, "bipartite").values())
    assert (layer.n_source, layer.n_target, layer.n_links) == (sides.count(0), sides.count(1), women.number_of_edges())
    assert layer.name == "m"
    wanted = nx.bipartite.biadjacency_matrix(women, [n for n, side in zip(women, sides, strict=True) if side == 0])
    assert np.array_equal(np.sort(layer.source_degrees), np.sort(wanted.toarray().sum(1)))
    assert np.array_equal(ns.load(path, graph=True).toarray(), as_adjacency(women).toarray())


@pytest.mark.parametrize("form", GRAPHS)
def test_directed_and_multiple_links(form, tmp_path):
    path = tmp_path / f"m.{form}"
    graph = nx.MultiDiGraph([("a", "b"), ("b", "a"), ("a", "b"), ("c", "c")])
    write_networkx(graph, path)
    assert ns.load(path).toarray().tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    assert "without their direction" in ns.scan(path).notes[0]
    nx.set_node_attributes(graph, {"a": 1, "b": 0, "c": 0}, "bipartite")
    graph.remove_edge("c", "c")
    nx.set_edge_attributes(graph, 2.0, "weight")
    write_networkx(graph, path)
    assert ns.load(path).layers[0].to_scipy().toarray().tolist() == [[6.0], [0.0]]
    assert any("duplicate links were merged" in note for note in ns.scan(path).notes)
    graph.add_edge("b", "c", weight=1.0)  # within a side
    write_networkx(graph, path)
    assert ns.load(path).shape == (3, 3)
    assert any("not bipartite" in note for note in ns.scan(path).notes)


@pytest.mark.parametrize("form", GRAPHS)
def test_graphs_of_igraph(form, tmp_path):
    path = tmp_path / f"m.{form}"
    graph = igraph.Graph.Full_Bipartite(3, 2)
    graph.es["weight"] = [0.5, 0, 1, 1, 1, 1]
    save_igraph(graph, path)
    layer = ns.load(path).layers[0]
    assert layer.to_scipy().toarray().tolist() == [[0.5, 0], [1, 1], [1, 1]]
    graph = igraph.Graph.Ring(5)
    graph.vs["name"] = ["ß", "b", "c", "d", "&"]
    save_igraph(graph, path)
    assert np.array_equal(ns.load(path).toarray(), np.array(graph.get_adjacency().data))


@pytest.mark.parametrize("form", GRAPHS)
def test_exported_graphs_that_others_save_come_back_exactly(chain, form, tmp_path, same):
    path = tmp_path / f"m.{form}"
    write_networkx(chain(1).to_networkx(), path)
    assert same(ns.load(path), chain(1))
    save_igraph(chain(1).to_igraph(), path)
    if form == "gml":  # igraph writes fewer digits
        assert [layer.link_keys.tolist() for layer in ns.load(path)] == [la.link_keys.tolist() for la in chain(1)]
    else:
        assert same(ns.load(path), chain(1))


@pytest.mark.parametrize("form", GRAPHS)
def test_exported_graphs_without_their_description_keep_their_layers(chain, form, tmp_path):
    path = tmp_path / f"m.{form}"
    graph = chain(1).to_networkx()
    del graph.graph["netsparse"]  # as Gephi does
    write_networkx(graph, path)
    got = ns.load(path)
    assert got.groups == chain(1).groups
    assert [layer.link_keys.tolist() for layer in got] == [layer.link_keys.tolist() for layer in chain(1)]
    assert [layer.weights.tolist() for layer in got] == [layer.weights.tolist() for layer in chain(1)]
    assert ns.load(path, graph=True).shape == chain(1).adjacency.shape
    _, head = next(iter(graph.edges))
    graph.nodes[head]["group"] = "elsewhere"
    write_networkx(graph, path)
    with pytest.raises(MaskFormatError, match="join other than two groups"):
        ns.load(path)


def test_a_graph_of_a_connectome_is_measured(tmp_path):
    nx.write_graphml(nx.karate_club_graph(), tmp_path / "m.graphml")
    table = ns.measure(ns.load(tmp_path / "m.graphml"), ["n_links"])
    assert table["value"].tolist() == [78]


LAUGHS = (
    '<?xml version="1.0"?>\n<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>\n<graphml><graph edgedefault="undirected"><node id="&c;"/></graph>'
    "</graphml>"
)
OUTSIDE = (
    '<!DOCTYPE x [<!ENTITY secret SYSTEM "file:///etc/hostname">]>\n<graphml><graph edgedefault="undirected">'
    '<node id="&secret;"/></graph></graphml>'
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (LAUGHS, "DOCTYPE"),
        (OUTSIDE, "DOCTYPE"),
        ("<graphml>", "not a readable GraphML"),
        ("<graphml></graphml>", "not a readable GraphML"),
        ("graph [", "not a readable GML"),
        ("graph [ node [ id 0 ] node [ id 0 ] ]", "duplicated"),
        ("graph [ node [ id 0 ] edge [ source 0 target 7 ] ]", "undefined target"),
        ("graph [ node [ id 0 ] edge [ source 0 ] ]", "no 'target'"),
        ("graph [ " + "x [ " * 20_000, "nested too deeply"),
        ('graph [ node [ id 0 ] node [ id 1 ] edge [ source 0 target 1 weight "x" ] ]', "could not convert"),
        ("graph [ node [ id 0 ] node [ id 1 ] edge [ source 0 target 1 weight NAN ] ]", "NaN or infinite"),
        (
            "graph [ multigraph 1 node [ id 0 ] node [ id 1 ] edge [ source 0 target 1 weight 1 ] "
            "edge [ source 0 target 1 ] ]",
            "some links have a weight",
        ),
    ],
)
def test_broken_graphs(content, message, tmp_path):
    (tmp_path / "m.x").write_text(content)
    with pytest.raises(MaskFormatError, match=message) as caught:
        ns.load(tmp_path / "m.x")
    assert "m.x" in str(caught.value)


@pytest.mark.parametrize("form", GRAPHS)
def test_a_graph_whose_description_does_not_fit_is_refused(form, tmp_path):
    snapshot = Snapshot([LayerGraph.from_mask(np.eye(2), "a", "x", "y")])
    graph = snapshot.to_networkx()
    changes = (
        (lambda g: g.remove_edge("x:0", "y:0"), "promises 2 links"),
        (lambda g: g.nodes["x:0"].update(group="z"), "joins the groups"),
        (lambda g: g.nodes["x:0"].update(index=7), "promises 2 source neurons"),
        (lambda g: g.nodes["x:0"].update(index="0"), "different group and index"),
        (lambda g: g.nodes["x:0"].update(index=1), "different group and index"),
        (lambda g: g.edges["x:0", "y:0"].update(layer="b"), "promises no layer 'b'"),
        (lambda g: g.graph.update(netsparse=g.graph["netsparse"].replace("[2, 2]", "[2, -2]")), "tells of no layer"),
    )
    for change, message in changes:
        changed = graph.copy()
        change(changed)
        write_networkx(changed, tmp_path / f"m.{form}")
        with pytest.raises(MaskFormatError, match=message):
            ns.load(tmp_path / f"m.{form}")


def test_the_memory_of_parsing_is_checked(tmp_path):
    nx.write_gml(nx.path_graph(9), tmp_path / "m.gml")
    with pytest.raises(MaskFormatError, match="parsing this GML would take"):
        ns.load(tmp_path / "m.gml", max_bytes=1000)


@pytest.mark.parametrize("form", GRAPHS)
def test_loops_and_repeated_links_are_told(form, tmp_path):
    graph = nx.MultiGraph([(0, 1), (0, 1), (1, 2), (2, 2)])
    (nx.write_gml if form == "gml" else nx.write_graphml)(graph, tmp_path / "m")
    found = ns.scan(tmp_path / "m")
    assert found.n_links == 2
    assert found.notes[0] == "1 loop was left out"
    assert found.notes[1].startswith("1 link was told once more")


def test_several_graphs_in_a_file_are_refused(tmp_path):
    nx.write_graphml(nx.path_graph(3), tmp_path / "m.graphml")
    text = (tmp_path / "m.graphml").read_text()
    graph = text[text.index("<graph ") : text.index("</graphml>")]
    (tmp_path / "m.graphml").write_text(text.replace("</graphml>", f"{graph}</graphml>"))
    with pytest.raises(MaskFormatError, match="several graphs"):
        ns.load(tmp_path / "m.graphml")


@pytest.mark.parametrize("form", ["graphml", "gml"])
def test_whole_numbers_beyond_those_with_a_sign_are_refused(form, tmp_path):
    for weights, fits in ((np.array([2**63 - 1, 1], np.uint64), True), (np.array([2**63, 1], np.uint64), False)):
        snapshot = Snapshot([LayerGraph("fc", sp.csr_array(np.eye(2)), weights=weights)], epoch=0)
        run = Run.create(tmp_path / str(fits))
        run.write_snapshot(snapshot)
        source, target = run.snapshot_path(0), tmp_path / f"{fits}.{form}"
        if fits:
            ns.convert(source, target)
            assert ns.load(target) == snapshot
        else:
            with pytest.raises(NetsparseError, match="layer 'fc': GraphML and GML hold whole numbers of 64 bits"):
                ns.convert(source, target)
            assert not target.exists()
