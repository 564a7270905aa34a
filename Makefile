# Two commands: `make run` and `make test`. Each is a short script in scripts/.

.PHONY: sim turmoil chaos journey-50 model rig help run test bench bench-sync bench-peers reset screenshots

help:
	@echo 'make run [HEADLESS=1]  build and start the whole platform with demo tenants (data in ./data)'
	@echo 'make test              everything that CI runs'
	@echo 'make bench             the measurements of docs/PERFORMANCE.md'
	@echo 'make bench-sync        … of synchronization: large first syncs, offline days, live edits, crowds'
	@echo 'make bench-peers       … of synchronization beside Turso and PouchDB'
	@echo 'make sim [N= SEED=]    searches N schedules for one that breaks sync'
	@echo 'make turmoil [N= SEED=] plays N runs of simulated days, the real server in them'
	@echo 'make chaos [N= SEED=]  plays N runs of sync whose processes die and whose network lies'
	@echo 'make journey-50 [SEED=] fifty devices in a row without a network, some out of order, while the app dies'
	@echo 'make model [FAULTS=]   explores the protocol in small, every order of events'
	@echo 'make rig               the app on the real bluetoothd and kernel, in a virtual machine'
	@echo 'make screenshots       the pictures of the README, from the real thing'
	@echo 'make reset             forget ./data'

run:
	@HEADLESS='$(HEADLESS)' scripts/run

test:
	@scripts/test

bench:
	@scripts/bench

bench-sync:
	@scripts/bench sync

# ROWS=10000 EDITS=1000 ROUNDS=5 LOOKS=100 make bench-peers
bench-peers:
	@scripts/bench-peers

# Searches for schedules that break sync: make sim N=100000 SEED=1. One that fails says its own seed: make sim N=1 SEED=…
N ?= 10000
SEED ?= 1
sim:
	@OMNIOT_SIM_SCHEDULES=$(N) OMNIOT_SIM_SEED=$(SEED) cargo test --release -p omniot-shared --lib as_many_schedules_pass

# The real server and client core in simulated days, each seed one run to the last message: make turmoil N=50 SEED=1 ENGINE=sqlite
turmoil: N = 5
turmoil:
	@OMNIOT_TURMOIL_SEED=$(SEED) OMNIOT_TURMOIL_RUNS=$(N) OMNIOT_TURMOIL_ENGINE=$(ENGINE) scripts/postgres cargo test -p omniot-tests --test turmoil the_invariants_hold

# Real servers and apps that are killed, behind a network that lies: make chaos N=50 SEED=1 ENGINE=sqlite
ENGINE ?=
chaos: N = 5
chaos:
	@OMNIOT_CHAOS_SEED=$(SEED) OMNIOT_CHAOS_ROUNDS=$(N) OMNIOT_CHAOS_ENGINE=$(ENGINE) $(if $(filter sqlite,$(ENGINE)),,scripts/postgres) \
	  cargo test -p omniot-tests --test chaos the_invariants_hold -- --nocapture

# Fifty devices in a row, in airplane mode; a run says its seed: make journey-50 SEED=7 DEVICES=50
DEVICES ?= 50
journey-50: SEED = $(shell date +%s)
journey-50:
	@OMNIOT_FIFTY_DEVICES=$(DEVICES) OMNIOT_FIFTY_SEED=$(SEED) scripts/postgres cargo test -p omniot-tests --test journeys fifty -- --nocapture --test-threads=1

# Every order of events with so many faults in each run: 1 takes a minute or two, 2 very much longer.
FAULTS ?= 1
model:
	@OMNIOT_MODEL_FAULTS=$(FAULTS) cargo test --release -p omniot-shared --lib no_order_of_events_breaks_the_protocol -- --nocapture

rig:
	@scripts/rig

screenshots:
	@scripts/screenshots

reset:
	@scripts/reset
