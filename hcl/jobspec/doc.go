// SPDX-License-Identifier: MPL-2.0

// Package jobspec makes Nomad jobs out of templates that operators own: the
// files jobs/tasks/*.nomad.hcl, written in Nomad's job language with what
// Muster knows of an attempt in the variable muster.
//
//	muster.attempt       the attempt's id, which is also the id of the job
//	muster.organization  slugs and names, for labels and constraints
//	muster.project
//	muster.workflow
//	muster.job
//	muster.branch
//	muster.class         name, cpu (MHz), memory, disk (MiB), pool
//	muster.images        the containers of a docker job, the primary one first:
//	                     index, image, name, entrypoint, command, user, env, and
//	                     login: whether its registry asks for one
//	muster.logins        path of the Nomad variable with the logins, or "": it
//	                     has username_N, password_N and server_N for the image N
//	muster.engine        image of the Docker engine of setup_remote_docker, or ""
//	muster.copies        where the client keeps copies of parts of caches and
//	                     workspaces: volume, a host volume, and dir, a folder on
//	                     the client; "" for none, and for jobs without such steps
//	muster.near          names of nodes that may have copies of what it restores
//	muster.hosts         "name:127.0.0.1" for each container with a name
//	muster.agent         source and checksum of an archive; or without a source
//	                     path and file (its last part) on the client, and the
//	                     version that the client has to announce, if any
//	muster.output_url    addresses of output on port 8585
//	muster.base_url      address of the user interface
//	muster.ssh           whether somebody may log in to the job, which takes a port
//
// Expressions have the usual functions (format, join, merge, slice, max ...)
// and blocks can be dynamic. What Nomad interpolates itself (${attr...},
// ${node...}, ${meta...}, ${env...}, ${device...} and ${NOMAD_...}) is passed
// on as it stands.
//
// Whatever a template says, some things hold for every job, because Muster's
// promises rest on them; see Render.
package jobspec
