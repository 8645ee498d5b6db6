from django.urls import path

from api.views.documentation import DocumentationView, schema_view

urlpatterns = [
    path("schema/", schema_view, name="schema"),
    path("docs/", DocumentationView.as_view(), name="documentation"),
]
