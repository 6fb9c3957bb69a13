// The network's panels: disk, mask, the neuron that is chosen, and small disks of all layers.

const MOST_SMALL = 12;

class Network {
  constructor(facts, onEpoch) {
    this.facts = facts;
    this.onEpoch = onEpoch;
    this.runs = new Map();
    this.run = this.view = this.chosen = null;
    this.k = 0;
    this.order = 'index';
    this.hovered = -1;
    this.waiting = false;
    this.timer = 0;
    fill(byId('run'), facts.runs.map((run, i) => [i, run.name]));
    byId('run-field').hidden = facts.runs.length < 2;
    byId('run').addEventListener('change', () => this.open(Number(byId('run').value)));
    byId('view').addEventListener('change', () => this.show(Number(byId('view').value)));
    byId('order').addEventListener('change', () => {
      this.order = byId('order').value;
      this.draw();
    });
    byId('epoch').addEventListener('input', () => this.go(Number(byId('epoch').value)));
    byId('play').addEventListener('click', () => this.play(!this.timer));
    byId('go').addEventListener('submit', (event) => {
      event.preventDefault();
      this.choose({ group: byId('go-group').value, index: Number(byId('go-number').value) });
    });
    byId('go-group').addEventListener('change', () => this.limitNumber());
    this.listen();
  }

  async open(i) {
    if (!this.runs.has(i)) this.runs.set(i, unpackRun(this.facts.runs[i], await inflate(`run-${i}`)));
    const epoch = this.run ? this.run.epochs[this.k] : null;
    const label = this.view ? this.view.name : null;
    this.run = this.runs.get(i);
    byId('run').value = i;
    byId('epoch').max = this.run.epochs.length - 1;
    fill(byId('view'), this.run.views.map((view, at) => [at, view.label]));
    fill(byId('go-group'), this.run.groups.map((group) => [group.name, group.name]));
    this.limitNumber();
    this.k = epoch === null ? 0 : this.nearest(epoch);
    this.tellKept();
    this.makeStrip();
    this.show(Math.max(this.run.views.findIndex((view) => view.name === label), 0));
  }

  limitNumber() {
    const group = this.run.groups.find((one) => one.name === byId('go-group').value);
    if (group) byId('go-number').max = group.n - 1;
  }

  tellKept() {
    const { epochs, allEpochs } = this.run;
    const parts = [];
    if (epochs.length < allEpochs) parts.push(`${epochs.length} of the ${allEpochs} snapshots fit this page.`);
    const shown = this.facts.runs.length;
    if (shown < this.facts.nRuns) parts.push(`${shown} of the ${this.facts.nRuns} runs can be explored here; charts and tables show all.`);
    byId('kept').textContent = parts.join(' ');
  }

  nearest(epoch) {
    const far = this.run.epochs.map((one) => Math.abs(one - epoch));
    return far.indexOf(Math.min(...far));
  }

  show(at) {
    this.view = this.run.views[at];
    byId('view').value = at;
    this.hovered = -1;
    this.strip.forEach((small, i) => small.button.setAttribute('aria-pressed', String(i === at)));
    this.go(this.k);
  }

  goToEpoch(epoch) {
    if (this.run) this.go(this.nearest(epoch));
  }

  go(k) {
    this.k = k;
    const epoch = this.run.epochs[k];
    byId('epoch').value = k;
    byId('epoch').setAttribute('aria-valuetext', `epoch ${epoch}`);
    byId('epoch-told').textContent = `epoch ${epoch}`;
    this.onEpoch(epoch);
    this.draw();
  }

  play(wanted) {
    clearInterval(this.timer);
    this.timer = 0;
    const last = this.run.epochs.length - 1;
    if (wanted && last > 0) {
      if (this.k === last) this.go(0);
      this.timer = setInterval(() => (this.k < last ? this.go(this.k + 1) : this.play(false)), Math.max(120, Math.min(500, 9000 / last)));
    }
    byId('play').textContent = this.timer ? '❚❚' : '▶';
    byId('play').setAttribute('aria-pressed', String(Boolean(this.timer)));
  }

  // Draw at the browser's next picture, once however often it is asked for.
  draw() {
    if (this.waiting || !this.view) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.drawNow();
    });
  }

  drawNow() {
    const { view, k } = this;
    this.ranks = ranksOf(view, k, this.order);
    byId('disk-box').hidden = byId('order').disabled = Boolean(view.grid);
    if (!view.grid) drawDisk(byId('disk'), view, k, this.colours(view), true);
    drawMask(byId('mask'), view, k, this.ranks);
    this.tell();
    this.mark();
    clearTimeout(this.resting); // the small disks follow when the slider rests
    this.resting = setTimeout(() => this.strip.forEach((small) => this.drawSmall(small)), 50);
  }

  drawSmall(small) {
    if (!small.view.grid) drawDisk(small.canvas, small.view, this.k, this.colours(small.view), false);
    const numbers = this.numbersOf(small.view);
    const n = small.view.parts.reduce((sum, part) => sum + part.layer.nLinks[this.k], 0);
    small.told.textContent = `${told(n)} links`;
    small.more.textContent = numbers.modularity === undefined || numbers.modularity === null ? '' : `Q ${told(numbers.modularity, 2)}`;
  }

  // What was measured of a view at this very epoch.
  numbersOf(view) {
    const places = placesAt(view, this.k);
    return places.k === this.k ? places.numbers : {};
  }

  // Colours of neurons: of their community, the largest first; without embedding of their group.
  colours(view) {
    const { paper } = theme(), colours = this.facts.communityColours.map((colour) => seenOn(colour, paper)), n = colours.length;
    if (!view.places) return { colours, paint: (community, group) => group % n + 1 };
    return { colours, paint: (community) => (community < n ? community + 1 : 0) };
  }

  makeStrip() {
    const views = this.run.views.length > 1 && this.run.views.length <= MOST_SMALL ? this.run.views : [];
    this.strip = views.map((view, at) => {
      const button = element('button', '', { type: 'button', 'aria-pressed': 'false' });
      const canvas = element('canvas', '', { 'aria-hidden': 'true' });
      const words = element('div');
      const told = element('span'), more = element('span');
      words.append(element('strong', view.label, { title: view.label }), told, more);
      button.append(canvas, words);
      button.addEventListener('click', () => this.show(at));
      return { view, button, canvas, told, more };
    });
    byId('strip').replaceChildren(...this.strip.map((small) => small.button));
    byId('strip').hidden = !views.length;
  }

  // What stands over and under the pictures.
  tell() {
    const { view, k } = this;
    const places = placesAt(view, k), links = linksAt(view, k);
    const numbers = this.numbersOf(view);
    const words = [['γ', 'gamma'], ['Q', 'modularity'], ['ASI', 'angular_separability'], ['ANP', 'anp_rate']];
    byId('disk-heading').textContent = places.embedded ? 'Hyperbolic disk' : 'Neurons';
    byId('disk-over').setAttribute('aria-label', `${byId('disk-heading').textContent} of ${view.label}`);
    byId('disk-numbers').textContent = words
      .filter(([, name]) => numbers[name] !== null && numbers[name] !== undefined)
      .map(([word, name]) => `${word}\u00a0${told(numbers[name], 3)}`).join('\u2002 ');
    byId('disk-note').textContent = this.diskNote(places, links);
    const { rows, columns } = maskSides(view);
    const n = view.parts.reduce((sum, part) => sum + part.layer.nLinks[k], 0);
    const pairs = view.parts.reduce((sum, part) => sum + part.layer.shape[0] * part.layer.shape[1], 0);
    const sides = view.isNetwork ? `Rows and columns: all ${told(view.n)} neurons` : `Rows: ${rows.name} (${told(rows.n)}). Columns: ${columns.name} (${told(columns.n)})`;
    byId('mask-note').textContent = `${sides}. ${told(n)} links, density ${told(100 * n / pairs, 3)}\u00a0%.`;
    byId('mask-over').setAttribute('aria-label', `Mask of ${view.label}. ${byId('mask-note').textContent}`);
  }

  diskNote(places, links) {
    const { view, k } = this;
    if (view.grid) return 'This layer has too many links for the page to hold each of them: its mask shows how dense they are, its neurons cannot be chosen.';
    let dead = 0, outside = 0;
    for (let node = 0; node < view.n; node++) {
      if (!links.degree[node]) dead++;
      else if (places.state[node] !== 1) outside++;
    }
    const parts = [];
    if (!places.embedded) parts.push('No embedding was measured: each ring is a neuron group, in the order of its neurons.');
    else if (places.k !== k) parts.push(`Places and communities of epoch ${this.run.epochs[places.k]}; links of this epoch.`);
    if (dead) parts.push(`${told(dead)} ${dead === 1 ? 'neuron has' : 'neurons have'} no links${places.embedded ? ' (hollow, where they lay last)' : ' (hollow)'}.`);
    if (places.embedded && outside) parts.push(`${told(outside)} with links ${outside === 1 ? 'lies' : 'lie'} outside the giant component.`);
    if (places.embedded) parts.push('Communities are numbered alike at all epochs, so not as in the table of measures.');
    if (places.embedded && !view.isNetwork) parts.push(`Round: ${view.groups[0].name}; square: ${view.groups[1].name}.`);
    return parts.join(' ');
  }

  // Choose a neuron by group and number; null lets go.
  choose(neuron) {
    if (neuron && !this.run.groups.some((group) => group.name === neuron.group && neuron.index >= 0 && neuron.index < group.n)) return;
    this.chosen = neuron;
    if (neuron) {
      byId('go-group').value = neuron.group;
      byId('go-number').value = neuron.index;
      this.limitNumber();
      if (nodeOf(this.view, neuron) < 0) {
        const at = this.run.views.findIndex((view) => nodeOf(view, neuron) >= 0);
        if (at >= 0) this.show(at);
      }
    }
    this.mark();
  }

  // The neuron that is looked at: under the pointer, else the chosen one.
  looked() {
    return this.hovered >= 0 ? this.hovered : nodeOf(this.view, this.chosen);
  }

  mark() {
    if (this.waiting) return; // all is drawn anew at once
    const node = this.looked();
    this.tellNeuron(node);
    drawDiskMark(byId('disk-over'), this.view, this.k, node);
    drawMaskMark(byId('mask-over'), this.view, this.k, this.ranks, node);
  }

  facts_of(node) {
    const places = placesAt(this.view, this.k);
    const { group, index } = neuronOf(this.view, node);
    const community = places.community[node];
    return {
      name: `${group} ${index}`, degree: linksAt(this.view, this.k).degree[node],
      community: community === NONE ? null : community, radius: places.radius[node], theta: places.theta[node],
    };
  }

  tellNeuron(node) {
    const box = byId('neuron');
    if (node < 0) {
      box.replaceChildren(element('p', this.chosen ? 'It is not in this layer.' : 'None is chosen.', { class: 'muted' }));
      return;
    }
    const its = this.facts_of(node), list = element('dl');
    const row = (word, value) => {
      const dd = typeof value === 'string' ? element('dd', value) : value;
      list.append(element('dt', word), dd);
    };
    row('Degree', told(its.degree));
    if (its.community === null) row('Community', placesAt(this.view, this.k).embedded ? 'none' : 'not measured');
    else {
      const dd = element('dd', String(its.community)), dot = element('span', '', { class: 'dot', 'aria-hidden': 'true' });
      dot.style.background = this.colours(this.view).colours[its.community] || 'var(--other)';
      dd.prepend(dot);
      row('Community', dd);
    }
    row('Radius', Number.isFinite(its.radius) ? told(its.radius, 3) : 'no place');
    row('Angle', Number.isFinite(its.theta) ? `${told(its.theta * 180 / Math.PI, 3)}°` : 'no place');
    const { into, out } = neighboursAt(this.run, neuronOf(this.view, node), this.k);
    for (const [word, sides] of [['Links in', into], ['Links out', out]]) {
      for (const side of sides) {
        row(word, `${side.ends.length} ${word === 'Links in' ? 'from' : 'to'} ${side.group}`);
        if (side.ends.length) list.append(element('dd', listed(side.ends), { class: 'links muted' }));
      }
    }
    box.replaceChildren(element('h4', its.name), list);
  }

  // Pointer and keys on disk and mask.
  listen() {
    const disk = byId('disk-over'), mask = byId('mask-over'), tip = byId('tip');
    const leave = () => {
      tip.hidden = true;
      if (this.hovered >= 0) {
        this.hovered = -1;
        this.mark();
      }
    };
    disk.addEventListener('pointermove', (event) => {
      if (!this.view) return;
      const node = this.nodeAt(event);
      if (node !== this.hovered) {
        this.hovered = node;
        this.mark();
      }
      if (node < 0) tip.hidden = true;
      else this.showTip(event, this.tipOfNeuron(node));
    });
    disk.addEventListener('pointerleave', leave);
    disk.addEventListener('click', (event) => {
      const node = this.nodeAt(event);
      this.choose(node < 0 ? null : neuronOf(this.view, node));
      if (event.pointerType === 'touch' && node >= 0) this.showTip(event, this.tipOfNeuron(node));
    });
    disk.addEventListener('keydown', (event) => this.key(event));
    mask.addEventListener('pointermove', (event) => {
      const pair = this.view && this.pairAt(event);
      if (!pair) tip.hidden = true;
      else this.showTip(event, this.tipOfPair(pair));
    });
    mask.addEventListener('pointerleave', leave);
    window.addEventListener('scroll', () => { tip.hidden = true; }, { passive: true });
    mask.addEventListener('click', (event) => {
      const pair = this.pairAt(event);
      if (!pair) return;
      const [source, target] = pair.map((node) => neuronOf(this.view, node));
      const same = this.chosen && this.chosen.group === source.group && this.chosen.index === source.index;
      this.choose(same ? target : source);
    });
  }

  key(event) {
    if (event.key === 'Escape') this.choose(null);
    else {
      const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step || this.view.grid) return;
      const places = placesAt(this.view, this.k);
      const order = Array.from({ length: this.view.n }, (_, node) => node).filter((node) => places.state[node]);
      if (event.key === 'ArrowRight' || event.key === 'ArrowLeft') {
        const angle = (node) => (Math.atan2(places.y[node], places.x[node]) + 2 * Math.PI) % (2 * Math.PI);
        order.sort((a, b) => angle(b) - angle(a) || a - b);
      }
      if (!order.length) return;
      const at = order.indexOf(nodeOf(this.view, this.chosen));
      this.choose(neuronOf(this.view, order[at < 0 ? 0 : (at + step + order.length) % order.length]));
    }
    event.preventDefault();
  }

  // The neuron under the pointer: the nearest within reach of a finger; −1 if there is none.
  nodeAt(event) {
    const { view, k } = this;
    if (view.grid) return -1;
    const box = byId('disk-over').getBoundingClientRect();
    const places = placesAt(view, k), { centre, reach } = diskScale(box.width);
    const px = event.clientX - box.left - centre, py = centre - (event.clientY - box.top);
    let best = -1, nearest = (event.pointerType === 'touch' ? 18 : 9) ** 2;
    for (let node = 0; node < view.n; node++) {
      if (!places.state[node]) continue;
      const far = (reach * places.x[node] - px) ** 2 + (reach * places.y[node] - py) ** 2;
      if (far < nearest) {
        nearest = far;
        best = node;
      }
    }
    return best;
  }

  // Source and target under the pointer in the mask.
  pairAt(event) {
    const { view } = this;
    if (view.grid) return null;
    const own = byId('mask-over').getBoundingClientRect(), box = maskBox(view, own.width), { rows, columns } = maskSides(view);
    const row = Math.floor((event.clientY - own.top - box.y) / box.height * rows.n);
    const column = Math.floor((event.clientX - own.left - box.x) / box.width * columns.n);
    if (row < 0 || row >= rows.n || column < 0 || column >= columns.n) return null;
    if (!this.byRank || this.byRank.ranks !== this.ranks) this.byRank = { ranks: this.ranks, nodes: this.sorted() };
    return [this.byRank.nodes.rows[row], this.byRank.nodes.columns[column]];
  }

  sorted() {
    const { rows, columns } = maskSides(this.view);
    const nodes = { rows: new Uint32Array(rows.n), columns: new Uint32Array(columns.n) };
    for (let node = rows.start; node < rows.start + rows.n; node++) nodes.rows[this.ranks[node]] = node;
    for (let node = columns.start; node < columns.start + columns.n; node++) nodes.columns[this.ranks[node]] = node;
    return nodes;
  }

  tipOfNeuron(node) {
    const its = this.facts_of(node);
    const lines = [its.name, `degree ${its.degree}`];
    if (its.community !== null) lines[1] += `, community ${its.community}`;
    if (Number.isFinite(its.radius)) lines.push(`radius ${told(its.radius, 3)}, angle ${told(its.theta * 180 / Math.PI, 3)}°`);
    const { into, out } = neighboursAt(this.run, neuronOf(this.view, node), this.k);
    const count = (sides) => sides.reduce((sum, side) => sum + side.ends.length, 0);
    lines.push(`${count(into)} links in, ${count(out)} out`);
    return lines;
  }

  tipOfPair([source, target]) {
    const links = linksAt(this.view, this.k);
    let linked = false;
    for (let i = 0; i < links.n && !linked; i++) linked = links.u[i] === source && links.v[i] === target;
    const word = (node) => Object.values(neuronOf(this.view, node)).join(' ');
    return [`${word(source)} → ${word(target)}`, linked ? 'a link' : 'no link'];
  }

  showTip(event, [first, ...lines]) {
    const tip = byId('tip');
    tip.replaceChildren(element('strong', first), ...lines.map((line) => element('div', line)));
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, window.innerWidth - width - 8))}px`;
    tip.style.top = `${event.clientY + 18 + height > window.innerHeight ? event.clientY - height - 12 : event.clientY + 18}px`;
  }
}

function listed(numbers, most = 40) {
  const text = numbers.slice(0, most).join(', ');
  return numbers.length > most ? `${text} … and ${numbers.length - most} more` : text;
}
