from rest_framework.routers import SimpleRouter

from api.views.definitions import DefinitionViewSet
from api.views.events import EventViewSet, RunViewSet
from api.views.explain import ExplainViewSet
from api.views.memberships import MembershipViewSet
from api.views.overrides import LockViewSet, OverrideViewSet
from api.views.passwords import PasswordViewSet
from api.views.plans import PlanViewSet
from api.views.tenants import InstanceViewSet, OrganizationViewSet, UserViewSet
from api.views.tokens import TokenViewSet

router = SimpleRouter(trailing_slash=False)
# They are tried in this order; this one has no members to be tried as well.
router.register("explain", ExplainViewSet, "explain")
router.register("instances", InstanceViewSet, "instance")
router.register("organizations", OrganizationViewSet, "organization")
router.register("users", UserViewSet, "user")
router.register("passwords", PasswordViewSet, "password")
router.register("memberships", MembershipViewSet, "membership")
router.register("tokens", TokenViewSet, "token")
router.register("features", DefinitionViewSet, "definition")
router.register("overrides", OverrideViewSet, "override")
router.register("locks", LockViewSet, "lock")
router.register("events", EventViewSet, "event")
router.register("runs", RunViewSet, "run")
router.register("plans", PlanViewSet, "plan")

urlpatterns = router.urls
