module github.com/muster-ci/muster/tools/nomad-autoscaler

go 1.26

require github.com/hashicorp/nomad-autoscaler v0.4.7
