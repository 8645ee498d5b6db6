"""Plans whose server is killed on their way, on the server that is deployed, with two processes."""

import http.client
import json
import time
from contextlib import closing
from typing import Any

import pytest

from events.models import Event, Run, RunState, Stream
from features.bulk.exclusive import wait_for_turn
from features.models import StoredPlan, UserOverride
from tests.factories import make_cast, token_for
from tests.planning import make_users
from tests.server import find_free_port, kill, serve

pytestmark = pytest.mark.django_db(transaction=True)

FEATURE, ROWS, BATCH = "login_default_org", 400, 20


class Api:
    """Sends requests to a server in somebody's name."""

    def __init__(self, port, token):
        self.port = port
        self.token = token

    def __call__(self, verb, path, body=None, content_type="application/json"):
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content_type}
        with closing(http.client.HTTPConnection("localhost", self.port, timeout=60)) as connection:
            connection.request(verb, f"/api/v1/{path}", body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def follow(self, plan, until):
        """Ask, whichever process answers, until the plan is as it should be; return all answers."""
        answers: list[dict[str, Any]] = []
        deadline = time.monotonic() + 60
        while not answers or not until(answers[-1]):
            assert time.monotonic() < deadline, answers[-1:]
            answers.append(self("GET", f"plans/{plan}")[1])
        return answers


@pytest.fixture
def token():
    cast = make_cast("localhost")
    make_users(cast, ROWS)
    return token_for(cast.alice)


@pytest.fixture
def rows():
    lines = [f"user,u{n},{FEATURE},on\n" for n in range(ROWS)]
    return "level,owner,feature,value\n" + "".join(lines)


def is_whole():
    """Whether every override has its one event, and every stream stands where its events end."""
    events = Event.objects.filter(subject=FEATURE)
    streams = Stream.objects.filter(kind="user", sequence=1).count()
    return UserOverride.objects.count() == events.count() == streams


def test_plan__its_server_killed_again_and_again__goes_on_to_the_whole(token, rows):
    with serve(port := find_free_port()) as server, wait_for_turn():
        api = Api(port, token)
        made, plan = api("POST", "plans", rows, "text/csv")
        path = f"plans/{plan['id']}"
        begun, first = api("POST", f"{path}/apply", f'{{"batch_size": {BATCH}}}')
        waiting = api.follow(plan["id"], lambda _: StoredPlan.objects.get().begun_at is None)
        kill(server)
    with serve(port := find_free_port()) as server:
        api = Api(port, token)
        killed_before = api("GET", path)[1]
        api("POST", f"{path}/apply")
        on_its_way = api.follow(plan["id"], lambda plan: plan["progress"]["done"] >= 2 * BATCH)
        kill(server)
    done = UserOverride.objects.count()
    with serve(port := find_free_port()):
        api = Api(port, token)
        killed = api("GET", path)[1]
        again = api("POST", f"{path}/apply")
        end = api.follow(plan["id"], lambda plan: plan["state"] == "applied")

    assert (made, begun, {one["state"] for one in waiting}) == (201, 202, {"applying"})
    assert (killed_before["state"], killed_before["progress"]["done"]) == ("interrupted", 0)
    assert {one["state"] for one in on_its_way} == {"applying"}
    assert (2 * BATCH <= done < ROWS, done % BATCH) == (True, 0)
    assert (killed["state"], killed["progress"]["done"]) == ("interrupted", done)
    assert (again[0], again[1]["run"]) == (202, first["run"])
    assert {one["state"] for one in end} == {"applying", "applied"}
    run = Run.objects.get()
    assert (str(run.pk), run.state, run.changed) == (first["run"], RunState.DONE, ROWS)
    assert (is_whole(), UserOverride.objects.count()) == (True, ROWS)
