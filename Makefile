# Every verb sets up what it needs; `make` alone lists them.
STACK ?= dev
PYTHON ?= python3
VENV := .venv/ready
QUDAG := .venv/bin/qudag-mcp
# Python keeps the bytecode of our modules, also where the environment says that it must not: tests
# start a hundred processes, and each would compile 500 modules again.
PYTEST := env -u PYTHONDONTWRITEBYTECODE .venv/bin/pytest

# Values given to make reach a recipe in the environment, where no shell parses them: a branch may be
# called `x;cmd`. `value` keeps make itself from expanding a `$`.
up down verify preview render: override export STACK := $(value STACK)
up down test-e2e test-e2e-smoke test-topologies test-engine: override export CLUSTER := $(value CLUSTER)
preview: override export BASE := $(value BASE)
preview: override export FORMAT := $(value FORMAT)
preview render: override export OUT := $(value OUT)
$(VENV): override export PYTHON := $(value PYTHON)

# Several processes, a module on one of them. Each tier has as many as keep two cores busy: tests of the
# slow tier wait for servers half of their time, and those of the cluster for their API server.
PROCESSES := --dist loadscope --no-loadscope-reorder
TEST := -n 3
SLOW := -n 3
CLUSTER_TIER := -n 2

# Tests that need neither a cluster nor an engine.
HERE := $(PROCESSES) \
  --ignore=tests/backup --ignore=tests/cluster --ignore=tests/controllers --ignore=tests/e2e --ignore=tests/engine --ignore=tests/monitoring --ignore=tests/bench --ignore=tests/topologies

.PHONY: help clients programs scanner up down verify preview render test test-slow check test-backup test-cluster test-controllers test-engine test-e2e test-e2e-smoke test-monitoring test-topologies test-bench bench versions

help: ## list the verbs
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV): requirements.txt tools/azure-worker.txt tools/setup
	@tools/setup "$$PYTHON"

up: $(VENV) ## deploy: everything from nothing to a running platform [STACK=dev CLUSTER=context:NAME]
	@exec $(QUDAG) up --stack="$$STACK" $${CLUSTER:+--cluster="$$CLUSTER"}

down: $(VENV) ## undo `make up` [STACK=dev]
	@exec $(QUDAG) down --stack="$$STACK" $${CLUSTER:+--cluster="$$CLUSTER"}

verify: $(VENV) ## check a stack that is up as its clients meet it [STACK=dev]
	@$(QUDAG) verify --stack="$$STACK"

preview: $(VENV) ## offline: what the stack is, or what changed since a commit [STACK=dev BASE=gitref FORMAT=tree OUT=file]
	@$(QUDAG) preview --stack="$$STACK" $${BASE:+--base="$$BASE"} $${FORMAT:+--format="$$FORMAT"} $${OUT:+--out="$$OUT"}

render: $(VENV) ## offline: graph.json and manifests/*.yaml [STACK=dev OUT=dir]
	@$(QUDAG) render --stack="$$STACK" --out="$${OUT:-out/$$STACK}"

programs: $(VENV)
	@tools/programs
	@tools/emulators

test: programs ## the tests that need no cluster, under 5 minutes
	@$(PYTEST) -m "not slow" --cpu-limit 6 $(TEST) $(HERE)

scanner: $(VENV)
	@tools/scanner
	@tools/envoy

clients: $(VENV)
	@tools/ci-checks
	@tools/grafana-types
	@tools/conformance
	@tools/browser
	@tools/stdio-servers
	@tools/cloud-documents

test-slow: programs scanner clients ## the tests of test that take long: traffic, archives, copies of the project
	@$(PYTEST) -m slow $(SLOW) $(HERE)

check: $(VENV) ## all that must hold before a change lands: format, lint, types, all tests, a part of test-e2e
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/basedpyright
	@$(MAKE) --no-print-directory test
	@$(MAKE) --no-print-directory test-slow
	@$(MAKE) --no-print-directory test-cluster
	@$(MAKE) --no-print-directory test-e2e-smoke

test-cluster: $(VENV) ## every manifest against a real API server (needs Go)
	@$(PYTEST) $(CLUSTER_TIER) $(PROCESSES) tests/cluster

test-backup: programs ## backups of a real PostgreSQL in a real S3 server, and Barman's
	@tools/backup-programs
	@$(PYTEST) -rs tests/backup

test-controllers: $(VENV) ## real KEDA, Prometheus, External Secrets and OpenBao act on stacks (needs Go)
	@tools/controllers/build
	@tools/controllers/external_secrets/build
	@tools/prometheus/build
	@$(PYTEST) -rs tests/controllers

test-monitoring: $(VENV) ## a real Prometheus finds the pods of a stack and evaluates its rules (needs Go)
	@tools/prometheus/build
	@tools/alertmanager/build
	@tools/collector/build
	@tools/log-store/build
	@tools/trace-store/build
	@tools/opensearch/build
	@$(PYTEST) -rs tests/monitoring

test-engine: $(VENV) ## the program under a real Pulumi CLI, on real pods too (needs `pulumi` on PATH)
	@$(PYTEST) -rs tests/engine

test-e2e: $(VENV) ## the dev platform on real pods [CLUSTER=context:NAME]
	@$(PYTEST) -rs tests/e2e

test-e2e-smoke: $(VENV) ## of test-e2e: the platform, its flows, one rollout, one interruption
	@$(PYTEST) -rs -m smoke tests/e2e

test-topologies: $(VENV) ## every topology on real pods, from its example [CLUSTER=context:NAME]
	@$(PYTEST) -rs tests/topologies

test-bench: $(VENV) ## what `make bench` measures, held to its limits; on a quiet machine
	@tools/programs
	@$(PYTEST) -rs tests/bench

versions: $(VENV) ## write the versions of components/versions.json to every file that names one
	@.venv/bin/python -m tools.versions

bench: $(VENV) ## the performance table
	@tools/programs
	@$(QUDAG) bench
