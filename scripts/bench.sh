#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
#
# Runs the benchmarks that have a target and ends with a table of them. What
# can be is a ratio of two things that one run measures in turn, so that the
# machine hardly matters. Of repeated runs the better one counts, and of several
# cases (one agent or many, this text or that) the worst.
#
#   scripts/bench.sh                          about 5 minutes on two cores
#   MUSTER_BENCH_CLUSTER=1 scripts/bench.sh   also on Nomad: brings a cluster up
#                                             when none is, and takes that down
#   MUSTER_E2E_KEEP=1 with it                 uses the cluster that is up as it
#                                             is, and leaves it there
#   MUSTER_BENCH_OUT=folder                   keeps what was printed
set -uo pipefail
cd "$(dirname "$0")/.."

out=${MUSTER_BENCH_OUT:-}
if [ -z "$out" ]; then
  out=$(mktemp -d)
  trap 'rm -rf "$out"' EXIT
fi
mkdir -p "$out"
failed=0

bench() { # bench FILE PACKAGE BENCHMARK FLAGS...
  local file=$out/$1 package=$2 name=$3 began=$SECONDS
  shift 3
  printf '%-34s' "$package $name"
  if go test "$package" -run '^$' -bench "$name" -timeout 10m "$@" >"$file" 2>&1; then
    echo "$((SECONDS - began)) s"
  else
    failed=1
    echo "FAILED"
    cat "$file"
  fi
}

# metric FILE BENCHMARK UNIT high|low prints a number: of a benchmark's repeated
# runs the best, and of all benchmarks whose name matches the worst.
metric() {
  awk -v name="$2" -v unit="$3" -v better="$4" '
    function beats(x, y) { return better == "high" ? x > y : x < y }
    $1 ~ name { for (i = 3; i < NF; i += 2) if ($(i + 1) == unit && (!($1 in best) || beats($i, best[$1]))) best[$1] = $i + 0 }
    END {
      for (n in best) if (!any++ || beats(worst, best[n])) worst = best[n]
      if (any) printf "%.4g\n", worst; else print "-"
    }' "$out/$1" 2>/dev/null || echo -
}

# row WHAT high|low TARGET MEASURED UNIT prints a line of the table; no target
# is "-".
row() {
  awk -v what="$1" -v better="$2" -v target="$3" -v got="$4" -v unit="$5" 'BEGIN {
    sign = better == "high" ? ">=" : "<="
    verdict = "ok"
    if (target == "-") { verdict = ""; wanted = "" } else { wanted = sign " " target unit }
    if (got == "-") verdict = "not measured"
    else if (target != "-" && (better == "high" ? got + 0 < target + 0 : got + 0 > target + 0)) verdict = "MISSED"
    printf "%-62s %-14s %-14s %s\n", what, wanted, (got == "-" ? "" : got unit), verdict
  }'
}

ratio() { awk -v x="$1" -v y="$2" 'BEGIN { if (x == "-" || y == "-" || y == 0) print "-"; else printf "%.3g\n", x / y }'; }

load() { cut -d' ' -f1-3 /proc/loadavg; }

echo "== measuring on $(nproc) processors, load $(load)"
bench mask ./agent/mask '^BenchmarkMask$' -benchtime=5x
bench agent ./cmd/muster-agent '^BenchmarkAgent$' -benchtime=1x -count=2
bench latency ./agent/stream '^BenchmarkLineLatency$' -benchtime=1x -count=3
bench ingest ./services/gather/output '^BenchmarkIngest$' -benchtime=1x -count=2
bench tail ./services/gather/output '^BenchmarkLiveTail$' -benchtime=2000x -count=3
bench crowd ./services/gather/output '^BenchmarkManyTasks$' -benchtime=1x
bench archive ./agent/archive '^BenchmarkArchive$' -benchtime=1x -timeout=30m
bench split ./agent/circleci '^Benchmark(Split|Choose)$' -benchtime=5x
bench junit ./internal/junit '^BenchmarkParse$' -benchtime=20x
bench results ./services/gather/results '^BenchmarkHundredThousand$' -benchtime=3x
bench config ./internal/config '^BenchmarkCompile' -benchtime=20x
bench work ./internal/work '^BenchmarkClaims$/./finished=20000/batch=64' -benchtime=5000x
bench coordination ./cmd/muster '^BenchmarkCoordination$' -benchtime=1x -count=2
if [ -n "${MUSTER_BENCH_CLUSTER:-}" ]; then
  bench cluster ./e2e '^BenchmarkTriggerToFirstLine$' -tags=e2e -benchtime=1x -timeout=30m
  grep -E '^(muster|bare job), median|^ +[0-9.]+  ' "$out/cluster"
fi

echo
echo "== $(date -u +%Y-%m-%dT%H:%MZ), $(nproc) processors, load at the end $(load)"
echo
printf '%-62s %-14s %s\n' what target measured
row "trigger to first line on Nomad / bare job to a socket, p50" low 1.5 "$(metric cluster FirstLine ratio low)" x
for driver in sqlite postgres; do
  for shape in one_workflow workflows_of_20; do
    many=BenchmarkCoordination/$driver/$shape/10000
    few=BenchmarkCoordination/$driver/$shape/100-
    row "coordination and queue, $driver, $shape, 10,000 jobs" high 500 "$(metric coordination "$many" jobs/s high)" /s
    row "  cost of a job at 10,000 / at 100" low 1.25 "$(ratio "$(metric coordination "$many" cpu-us/job low)" "$(metric coordination "$few" cpu-us/job low)")" x
  done
done
for text in text random; do
  row "durable ingest / receive, append, fsync; $text" high 0.5 "$(metric ingest "BenchmarkIngest/$text" ratio high)" x
done
row "a line seen at 1,000 lines/s, agent to service, p50" low 75 "$(metric latency LineLatency p50-ms low)" " ms"
row "a line seen at 1,000 lines/s, service to subscriber, p50" low 75 "$(metric tail LiveTail p50-ms low)" " ms"
row "agent: binary" low - "$(metric agent Agent binary-MiB low)" " MiB"
row "agent: idle memory" low 30 "$(metric agent Agent idle-MiB low)" " MiB"
row "agent: processor at 1 MB/s" low - "$(metric agent Agent %cpu-at-1MB/s low)" " %"
for driver in sqlite postgres; do
  row "200 tasks at once, $driver: slowest / median" high 0.25 "$(metric crowd "ManyTasks/$driver" slowest/median high)" x
  row "  memory of the service" low 256 "$(metric crowd "ManyTasks/$driver" grown-MiB low)" " MiB"
  row "  speed of ordinary tasks / without flood and stalls" high - "$(metric crowd "ManyTasks/$driver" x-calm high)" x
done
for text in ordinary crlf hostile; do
  row "masking / strings.NewReplacer on all variants, $text text" high 2 "$(metric mask "BenchmarkMask/$text" x-replacer-all high)" x
  row "  / strings.NewReplacer on the secrets alone" high 2 "$(metric mask "BenchmarkMask/$text" x-replacer high)" x
done
for what in save restore; do
  row "1 GiB of mixed files, $what / tar and zstd -1, by the clock" high 0.75 "$(metric archive BenchmarkArchive/mixed "x-$what" high)" x
  row "  by the time of processors" high - "$(metric archive BenchmarkArchive/mixed "x-cpu-$what" high)" x
  row "100,000 small files, $what / tar and zstd -1, by the clock" high 0.85 "$(metric archive BenchmarkArchive/small "x-$what" high)" x
  row "  by the time of processors" high - "$(metric archive BenchmarkArchive/small "x-cpu-$what" high)" x
done
row "splitting 100,000 tests by timings, processor time" low 1 "$(metric split Split cpu-s low)" " s"
row "picking 10,000 failed of 100,000 tests, processor time" low 1 "$(metric split Choose cpu-s low)" " s"
row "JUnit: reading 10,000 tests / encoding/xml over the same tokens" high - "$(ratio "$(metric junit Parse/muster MB/s high)" "$(metric junit Parse/encoding-xml-tokens MB/s high)")" x
row "test results: reading and keeping 100,000 tests" low - "$(ratio "$(metric results HundredThousand/read ns/op low)" 1e9)" " s"
row "test results: timings of 100,000 tests by name" low - "$(ratio "$(metric results HundredThousand/timings ns/op low)" 1e9)" " s"
row "config: compiling 40 lines / decoding their YAML" low - "$(metric config Compile40Lines compile/decode low)" x
row "config: compiling 500 jobs / decoding their YAML" low - "$(metric config Compile500Jobs compile/decode low)" x
row "due rows claimed and recorded, in batches, sqlite" high - "$(metric work sqlite rows/s high)" /s
row "due rows claimed and recorded, in batches, postgres" high - "$(metric work postgres rows/s high)" /s
exit $failed
