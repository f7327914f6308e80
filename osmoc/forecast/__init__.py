"""What a plan will take of a cluster: sizes, amounts at once, hours. Values in, values out; nothing is asked."""
