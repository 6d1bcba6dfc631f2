module github.com/muster-ci/muster/tools/nomad

go 1.26

require (
	github.com/hashicorp/nomad v1.11.2
	github.com/hashicorp/nomad/api v0.0.0-20260205205048-8315996478d1
)

replace github.com/hashicorp/hcl => github.com/hashicorp/hcl v1.0.1-nomad-1
