# Two commands: `make run` and `make test`. Each is a short script in scripts/.

.PHONY: help run test bench reset screenshots

help:
	@echo 'make run [HEADLESS=1]  build and start the whole platform with demo tenants (data in ./data)'
	@echo 'make test              everything that CI runs'
	@echo 'make bench             the measurements of docs/PERFORMANCE.md'
	@echo 'make screenshots       the pictures of the README, from the real thing'
	@echo 'make reset             forget ./data'

run:
	@HEADLESS='$(HEADLESS)' scripts/run

test:
	@scripts/test

bench:
	@scripts/bench

screenshots:
	@scripts/screenshots

reset:
	@scripts/reset
