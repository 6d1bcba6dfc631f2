// SPDX-License-Identifier: MPL-2.0

package archive

// unpacked is a frame that is being decompressed.
type unpacked struct {
	from  *part
	frame []byte
	plain []byte
	done  chan struct{}
}

// split has the frames of each part decompressed.
func (r *Reader) split() error {
	defer close(r.frames)
	defer close(r.work)
	for {
		var p *part
		select {
		case <-r.ctx.Done():
			return nil
		case next, more := <-r.parts:
			if !more {
				return nil
			}
			p = next
		}
		select {
		case <-r.ctx.Done():
			return nil
		case <-p.done:
		}
		if err := r.splitPart(p); err != nil {
			return err
		}
	}
}

func (r *Reader) splitPart(p *part) error {
	p.frames.Add(1)
	defer r.release(p)
	for rest := p.compressed; len(rest) > 0; {
		frame, after, err := nextFrame(rest)
		if err != nil {
			return err
		}
		if rest = after; frame == nil {
			return nil
		}
		p.frames.Add(1)
		u := &unpacked{from: p, frame: frame, done: make(chan struct{})}
		for _, to := range []chan *unpacked{r.frames, r.work} {
			select {
			case to <- u:
			case <-r.ctx.Done():
				return nil
			}
		}
	}
	return nil
}

func (r *Reader) decompress() error {
	for {
		select {
		case <-r.ctx.Done():
			return nil
		case u, more := <-r.work:
			if !more {
				return nil
			}
			var err error
			u.plain, err = r.store.decoder.DecodeAll(u.frame, r.store.blocks.get(blockRoom))
			if err != nil {
				return damaged("a frame cannot be decompressed: %v", err)
			}
			r.release(u.from)
			close(u.done)
		}
	}
}
