"""One schema language (OpenAPI v3 as CustomResourceDefinitions use it) for built-in and custom kinds alike."""
