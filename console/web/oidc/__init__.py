"""Signing in with an OpenID provider: authorization code with PKCE, the ID token checked against the provider's keys.

OpenID Connect Core 1.0, Discovery 1.0, RP-Initiated Logout 1.0; RFC 7636 (PKCE); RFC 9207 (issuer in the answer).
"""
