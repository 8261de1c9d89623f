"""What happens beside the steps of a training run; one module a purpose."""
