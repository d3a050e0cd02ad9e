"""manage.py issuer: the keys that sign tokens."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from apps.issuer import services


class Command(BaseCommand):
    """Gives the pools new signing keys, without a moment in which a good token is refused."""

    help = "Signing keys: rotate publishes a new key, which signs 90 seconds later; the old one stays published for 25 hours."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["rotate"])
        parser.add_argument("pool", nargs="?", choices=list(services.POOLS), help="only this pool; by default all")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        pools = [options["pool"]] if options["pool"] else list(services.POOLS)
        rows = []
        for pool in pools:
            made = services.rotate_keys(pool)
            rows.append({"pool": pool, "kid": made.kid, "signs_from": made.since.isoformat(timespec="seconds")})
        if options["json"]:
            self.stdout.write(json.dumps(rows, indent=2))
            return
        for row in rows:
            self.stdout.write(f"{row['pool']}: key {row['kid']} is published and signs from {row['signs_from']}")
