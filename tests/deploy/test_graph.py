"""The graph of the templates: everything that is referred to exists, across stacks, and nothing goes in a circle."""

from graphlib import TopologicalSorter

import pytest

from deploy.cloudformation.frame import logical
from deploy.cloudformation.generate import FOLDER
from tests.deploy.reading import PSEUDO, ROOT, SINGLE, STACKS, after, conditions, references, resources, template


@pytest.mark.parametrize("file", [ROOT, *SINGLE])
def test_every_reference_is_to_a_parameter_or_a_resource(file: str) -> None:
    made = template(file)
    for name, attribute in references([made["Resources"], made.get("Outputs", {}), made.get("Conditions", {})]):
        known = made["Resources"] if attribute else {**made["Resources"], **made["Parameters"]}
        assert name in known or PSEUDO.fullmatch(name), (name, attribute)


@pytest.mark.parametrize("file", [ROOT, *SINGLE])
def test_every_parameter_and_condition_is_used_and_every_condition_exists(file: str) -> None:
    made = template(file)
    body = [made["Resources"], made.get("Outputs", {}), made.get("Conditions", {})]
    assert {name for name, _ in references(body)} >= {*made["Parameters"]}
    statements = {name for name in conditions(body) if name in made.get("Conditions", {})}
    assert statements == {*made.get("Conditions", {})}


@pytest.mark.parametrize("file", SINGLE)
def test_resources_of_a_stack_do_not_wait_for_each_other_in_a_circle(file: str) -> None:
    made = template(file)["Resources"]
    waits = {
        name: {to for to, _ in references(resource["Properties"]) if to in made} | after(resource)
        for name, resource in made.items()
        if "Properties" in resource
    }
    assert {name for names in waits.values() for name in names} <= {*made}
    assert len([*TopologicalSorter(waits).static_order()]) == len(made)


def test_the_root_gives_each_stack_what_it_asks_from_outputs_that_exist() -> None:
    by_title = {logical(stack.name): stack for stack in STACKS.values()}
    nested = resources(ROOT, "AWS::CloudFormation::Stack")
    assert {*nested} == {*by_title}
    for title, given in nested.items():
        assert {*given["Parameters"]} == {*template(by_title[title].file)["Parameters"]}
        for name, attribute in references(given["Parameters"]):
            if attribute:
                assert attribute.removeprefix("Outputs.") in template(by_title[name].file)["Outputs"]


def test_stacks_do_not_wait_for_each_other_in_a_circle() -> None:
    nested = template(ROOT)["Resources"]
    waits = {
        name: {to for to, attribute in references(made["Properties"]) if attribute} | after(made)
        for name, made in nested.items()
    }
    assert [*TopologicalSorter(waits).static_order()]


def test_every_stack_stands_after_those_whose_outputs_it_takes() -> None:
    order = [*STACKS]
    for place, stack in enumerate(STACKS.values()):
        takes = {parameter.source.partition(".")[0] for parameter in stack.parameters if parameter.source}
        assert takes <= {*order[:place]}, stack.name


def test_the_collection_waits_for_the_policies_without_which_it_cannot_be_made() -> None:
    assert after(template("data.json")["Resources"]["Vectors"]) >= {"VectorsEncryption", "VectorsNetwork"}


def test_every_service_waits_for_the_rule_that_ties_its_targets_to_the_balancer() -> None:
    services = {n: r for n, r in template("services.json")["Resources"].items() if r["Type"] == "AWS::ECS::Service"}
    behind = {name: made for name, made in services.items() if "LoadBalancers" in made["Properties"]}
    assert behind
    assert all(after(made) == {name.replace("Service", "Rule1")} for name, made in behind.items())


def test_the_readme_says_of_each_stack_what_it_takes() -> None:
    text = (FOLDER.parent / "README.md").read_text().partition("## The order")[2]
    told = {
        cells[1].strip(" `"): cells[3].strip()
        for cells in (row.split("|") for row in text.splitlines() if row.startswith("| `"))
    }
    takes = {
        stack.name: ", ".join(sorted({p.source.partition(".")[0] for p in stack.parameters if p.source}, key=[*STACKS].index))
        for stack in STACKS.values()
    }
    assert told == takes
    assert [*told] == [*STACKS]
