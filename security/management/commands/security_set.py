from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.core.management.base import CommandParser

from access.commands import Exit, Failed, StrataCommand
from access.reports import Fault, report_document
from security.commands import read_instance, setting_text
from security.origins import MAX_ORIGINS, BadOrigin, parse_origin
from security.services import SecurityPlan, change_security_settings, plan_security
from security.settings import SecuritySettings

SWITCH = {"on": True, "off": False}


class Command(StrataCommand):
    help = "Change the security settings of an instance: those that are named, and no others."
    example = "security_set instance:demo --iframe on --allow-origin https://app.example.com"
    writes = True
    reports = True

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("instance", metavar="INSTANCE", help="ID or instance:ID")
        parser.add_argument("--iframe", choices=SWITCH, help="whether origins may embed the pages")
        for option, verb in (("--allow-origin", "add"), ("--deny-origin", "remove")):
            parser.add_argument(
                option, metavar="ORIGIN", action="append", default=[], help=f"{verb} an origin"
            )
        parser.add_argument(
            "--impersonation", choices=SWITCH, help="turning it off ends those that run"
        )

    def run(self, instance: str, **options: Any) -> None:
        target = read_instance(instance)
        change = read_change(options)
        plan = plan_security(target, change)
        if not options["dry_run"]:
            plan = change_security_settings(target, change, actor=self.author, origin=self.origin)
        self._tell(plan)

    def _tell(self, plan: SecurityPlan) -> None:
        dry_run = self.options["dry_run"]
        if self.options["json"]:
            changes = [
                {
                    "level": plan.instance.level.label,
                    "owner": plan.instance.reference,
                    "setting": change.name,
                    "before": change.before,
                    "after": change.after,
                }
                for change in plan.changes
            ]
            unchanged = 0 if changes else 1
            self.answer(report_document(dry_run=dry_run, changes=changes, unchanged=unchanged))
            return
        for change in plan.changes:
            before, after = setting_text(change.before), setting_text(change.after)
            self.stdout.write(f"{plan.instance.reference} {change.name}: {before} → {after}")
        if not plan.changes:
            self.say("Nothing to do: it is so already.")
        elif dry_run:
            self.say("A dry run: nothing was written.")


def read_change(options: dict[str, Any]) -> Callable[[SecuritySettings], SecuritySettings]:
    """Return what the options ask for. Failed for none, and with every origin that is none."""
    switches = {"iframe": "iframe_enabled", "impersonation": "impersonation_enabled"}
    flags = {name: SWITCH[options[option]] for option, name in switches.items() if options[option]}
    faults: list[Fault] = []
    added = _read_origins("--allow-origin", options["allow_origin"], faults)
    removed = _read_origins("--deny-origin", options["deny_origin"], faults)
    faults += [
        Fault("usage", f"{origin} is both allowed and denied")
        for origin in added
        if origin in removed
    ]
    if faults:
        raise Failed.for_faults(faults)
    if not (flags or added or removed):
        raise Failed("name at least one setting to change", Exit.USAGE)

    def change(before: SecuritySettings) -> SecuritySettings:
        held = before.allowed_origins
        _refuse([origin for origin in removed if origin not in held], "is not an allowed origin")
        kept = [origin for origin in held if origin not in removed]
        origins = tuple(dict.fromkeys([*kept, *added]))
        _refuse(origins[MAX_ORIGINS:], f"is one more than the {MAX_ORIGINS} that may be allowed")
        return replace(before, allowed_origins=origins, **flags)

    return change


def _read_origins(option: str, texts: list[str], faults: list[Fault]) -> list[str]:
    origins = []
    for text in texts:
        try:
            origins.append(parse_origin(text))
        except BadOrigin as error:
            faults.append(Fault("invalid_value", f"{option} {ascii(text)[:200]}: {error}"))
    return origins


def _refuse(origins: Any, reason: str) -> None:
    if origins:
        raise Failed.for_faults([Fault("invalid_value", f"{each} {reason}") for each in origins])
