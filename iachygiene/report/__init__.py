"""One module a report format, each with `render(result, files)`."""
