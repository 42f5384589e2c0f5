"""GP, GFL and specialization: what each pattern of feature learning costs."""
