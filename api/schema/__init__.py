"""The OpenAPI description of every HTTP API, a module for each; api.schema.document joins them.

Views stay thin: what the outside reads about them stands here. Values are described from the kinds,
bodies from the serializers, roles and stages from their enums, so that none is written twice.
"""
