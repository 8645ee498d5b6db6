from rest_framework.routers import SimpleRouter

from api.views.explain import ExplainViewSet
from api.views.memberships import MembershipViewSet
from api.views.tenants import InstanceViewSet, OrganizationViewSet, UserViewSet
from api.views.tokens import TokenViewSet

router = SimpleRouter(trailing_slash=False)
router.register("instances", InstanceViewSet, "instance")
router.register("organizations", OrganizationViewSet, "organization")
router.register("users", UserViewSet, "user")
router.register("memberships", MembershipViewSet, "membership")
router.register("tokens", TokenViewSet, "token")
router.register("explain", ExplainViewSet, "explain")

urlpatterns = router.urls
