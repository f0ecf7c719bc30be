"""What is known of a fleet → pages that a person reads in a browser, and the same as JSON.

`index` holds a light row for each place, told of every change; `routes` answers requests from it and from the history; `rendering` is
the one room of jinja2. Whatever is shown is escaped, redacted and made inert by `rendering`, nowhere else. Nothing is imported here.
"""
