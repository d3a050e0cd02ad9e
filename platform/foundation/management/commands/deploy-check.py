"""manage.py deploy-check: what stands against a deployment on AWS, or whether one that was made works."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from importlib import import_module
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from foundation import after_deployment, before_deployment
from foundation.after_deployment import Deployed
from foundation.before_deployment import Plan
from foundation.doctor import Finding


class Command(BaseCommand):
    """Exits with 1 when anything is wrong. It reads AWS with the credentials of whoever runs it, and changes nothing."""

    help = "Checks an account and region of AWS before a deployment, or a deployment that was made; says what to do."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        when = parser.add_mutually_exclusive_group(required=True)
        when.add_argument("--before", action="store_true", help="look at the account and region, before anything is made")
        when.add_argument("--after", metavar="STACK", help="look at the deployment that this root stack made")
        parser.add_argument("--region", required=True, help="the region of the deployment, for example us-west-2")
        parser.add_argument("--deployment", default="foundation", help="the parameter Deployment (default: foundation)")
        parser.add_argument("--stack", default="foundation", help="before: the root stack's name to be (default: foundation)")
        parser.add_argument("--profile", default="Small", choices=("Small", "Production"), help="before: the cost profile")
        parser.add_argument("--architecture", default="X86_64", choices=("X86_64", "ARM64"), help="before: the processors")
        parser.add_argument("--bucket", default="", help="before: the parameter TemplatesBucket, to look for the release there")
        parser.add_argument("--prefix", default="foundation/", help="before: the parameter TemplatesPrefix")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        every = before_deployment.findings(plan(options)) if options["before"] else after_deployment.findings(made(options))
        seen = list(every)
        failed = sum(not each.good for each in seen)
        if options["json"]:
            self.stdout.write(json.dumps({"good": not failed, "findings": [asdict(each) for each in seen]}))
        else:
            self.stdout.write("\n".join(table(seen)))
            self.stdout.write(f"{failed} of {len(seen)} checks failed." if failed else f"All {len(seen)} checks are good.")
        sys.exit(1 if failed else 0)


def plan(options: Mapping[str, Any]) -> Plan:
    """What is to be deployed: needs and files are those of this release's templates."""
    folder = import_module("deploy.cloudformation.generate").FOLDER
    files = (*sorted(each.name for each in folder.glob("*.json")), "release.zip")
    return Plan(
        region=options["region"],
        deployment=options["deployment"],
        stack=options["stack"],
        needs=import_module("deploy.cloudformation.needs").needs(options["profile"], options["architecture"]),
        names=import_module("deploy.cloudformation.taken").taken(options["region"], options["deployment"]),
        bucket=options["bucket"],
        keys=[f"{options['prefix']}{name}" for name in files],
    )


def made(options: Mapping[str, Any]) -> Deployed:
    """What was deployed: what must be there is what the manifests of this release declare."""
    platform = import_module("deploy.cloudformation.house").platform()
    return Deployed(
        region=options["region"],
        deployment=options["deployment"],
        stack=options["after"],
        records=platform.records,
        queues=platform.queues,
        services=[name for each in platform.capabilities if not each.manifest.front for name in each.manifest.services],
    )


def table(seen: Iterable[Finding]) -> Iterator[str]:
    """Findings as lines, what is wrong with its remedy."""
    rows = list(seen)
    width = max(len(each.subject) for each in rows)
    for each in rows:
        yield f"{'good' if each.good else 'BAD ':<5} {each.subject:<{width}}  {each.text}"
        if not each.good and each.remedy:
            yield f"      {'':<{width}}  -> {each.remedy}"
