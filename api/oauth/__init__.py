"""The authorization server of OAuth 2.1 for the frontends of partners: what programs call. The pages are in ``api/screens``.

Of authlib we use the parts: its errors, its reading of scopes, Basic credentials and PKCE. Its server itself asks for every row
by a plain call, which our database cannot answer, and left to itself it would give codes without PKCE; so what is decided
here is decided by the verbs of ``domain/people/oauth_*``, behind the tenant's wall.
"""
