"""The REST service: FastAPI routers, and what guards them."""
