"""The probes: up, and ready."""

import pytest
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder

HOSTS = ["localhost", "10.1.2.3:8000", "unknown.example"]


@pytest.mark.parametrize("host", HOSTS)
def test_healthz__any_host__is_ok_without_a_database(client, host):
    response = client.get("/healthz", headers={"host": host})

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("host", HOSTS)
def test_readyz__migrated_database__is_ok(client, db, host):
    response = client.get("/readyz", headers={"host": host})

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probe__where_https_is_asked_for__is_not_redirected(client, db, settings, path):
    settings.SECURE_SSL_REDIRECT = True

    response = client.get(path)

    assert response.status_code == 200


@pytest.mark.django_db(transaction=True)
def test_readyz__unapplied_migration__is_unavailable(client):
    recorder = MigrationRecorder(connection)
    recorder.record_unapplied("sessions", "0001_initial")

    try:
        response = client.get("/readyz")
    finally:
        recorder.record_applied("sessions", "0001_initial")

    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "reason": "migrations are not applied"}


def test_readyz__database_gone__is_unavailable_without_details(client, db, monkeypatch, caplog):
    def fail(self: BaseDatabaseWrapper) -> None:
        raise OperationalError("connection to 10.0.0.9 refused for user secret")

    with monkeypatch.context() as patched:
        patched.setattr(BaseDatabaseWrapper, "ensure_connection", fail)
        response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json() == {
        "status": "unavailable",
        "reason": "the database does not answer",
    }
    assert "the database does not answer" in caplog.text
