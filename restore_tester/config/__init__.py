"""What the operator wrote, turned into frozen values: `loading.load` reads, `nouns` are what everyone else sees.

Nothing is imported here: the nouns cost nothing, pydantic and YAML are loaded only by who reads a configuration.
"""
