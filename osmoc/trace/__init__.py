"""From a line of a manifest to the user's line, and back. Values in, values out.

Nothing is kept while compiling: a manifest says of which task, group or template each part is, and `origins` knows
where in the workflow file what the emitters write comes from.
"""
