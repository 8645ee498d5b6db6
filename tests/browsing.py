"""What the browser tests share: a signed-in page that fails on any error, counted clicks, axe."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.base import AXE_SCRIPT
from django.conf import settings
from django.test import Client
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page

from tenancy.models import User

PICTURES = Path(settings.BASE_DIR) / "test-results" / "admin"
SERIOUS = {"serious", "critical"}
FRAME = [".top", ".side"]
COLOUR_RULES = ("color-contrast", "link-in-text-block")


@dataclass
class Visitor:
    """Somebody at a browser: counts clicks, and remembers what the browser complained about."""

    page: Page
    root: str
    clicks: int = 0
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, path: str = "/admin/") -> None:
        self.page.goto(f"{self.root}{path}")

    def search(self, text: str) -> None:
        """Use the search box, by keyboard alone."""
        self.page.keyboard.press("/")
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url("**/search/**")

    def click(self, target: str | Locator, **options: Any) -> None:
        """Click a link or button by its name; menus and pages count alike."""
        if isinstance(target, str):
            named = self.page.get_by_role("link", name=target, exact=True)
            target = named.or_(self.page.get_by_role("button", name=target, exact=True)).first
        target.click(**options)
        self.clicks += 1

    def row(self, feature: str) -> Locator:
        """The row of a feature in a grid."""
        return self.page.locator(".row").filter(has=self.page.get_by_role("heading", name=feature))

    def choose(self, feature: str, choice: str) -> None:
        """Click a choice in a feature's row."""
        self.click(self.row(feature).get_by_role("radio", name=choice, exact=True))

    def says(self) -> str:
        """The text of the page's main part."""
        return self.page.locator("main").inner_text()

    def picture(self, name: str) -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)

    def audit(self, *, with_frame: bool = True) -> list[str]:
        """Return what axe finds serious or critical on the page as it is, in light and in dark.

        It is one document in both: the style sheet's colours alone know the scheme. So in the dark
        axe is asked again about colours only. What is around every page, the head and the
        navigation, is one template, and whoever looks at many pages looks at it once.
        """
        without = [] if with_frame else FRAME
        found = self._ask_axe("light", without) + self._ask_axe("dark", without, *COLOUR_RULES)
        self.page.emulate_media(color_scheme="light")
        return found

    def overflow_at(self, width: int) -> int:
        """How many pixels the page is wider than a window of this width."""
        size = self.page.viewport_size
        self.page.set_viewport_size({"width": width, "height": 740})
        overflow = self.overflow()
        if size:
            self.page.set_viewport_size(size)
        return overflow

    def _ask_axe(
        self, scheme: Literal["light", "dark"], without: list[str], *rules: str
    ) -> list[str]:
        self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE_SCRIPT)
        options = {"resultTypes": ["violations"]} | ({"runOnly": list(rules)} if rules else {})
        where = {"include": [["html"]], "exclude": [[part] for part in without]}
        script = "async ([where, options]) => (await axe.run(where, options)).violations"
        return [
            f"{self.page.url} ({scheme}): {found['id']}: {found['nodes'][0]['html'][:200]}"
            for found in self.page.evaluate(script, [where, options])
            if found["impact"] in SERIOUS
        ]

    def overflow(self) -> int:
        """How many pixels the page is wider than the window."""
        script = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return int(self.page.evaluate(script))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")


def sign_in(context: BrowserContext, root: str, user: User) -> None:
    """Give a browser the session of a user, without the sign-in page."""
    User.objects.filter(pk=user.pk).update(is_staff=True)
    client = Client()
    client.force_login(user)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": root}])
