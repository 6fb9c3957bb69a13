// Charts over the epochs, with a line at the slider's epoch. Plotly reads its texts as a kind of HTML: names are escaped.

const MARGIN = { l: 52, r: 12, t: 8, b: 34 };
const EACH = 'each';

function plain(text) {
  return String(text).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

function layerLabel(layer) {
  return layer || 'whole network';
}

class Charts {
  constructor(facts, onClick) {
    this.facts = facts;
    this.alone = facts.groups.length === 1;
    this.range = this.epochRange();
    this.epoch = this.range[0];
    this.plots = ['accuracy', 'anp', 'any'].map((name) => this.makePlot(`chart-${name}`, onClick));
    this.layers = this.layerNames();
    const names = this.names();
    const wanted = ['modularity', 'n_links', 'links', 'train_loss'].find((name) => names.includes(name));
    this.fillMeasures(names, wanted);
    byId('any').addEventListener('change', () => this.measureChanged());
    byId('any-of').addEventListener('change', () => this.drawAny());
    byId('anp-of').addEventListener('change', () => this.drawAnp());
    this.fillOf('anp-of', 'anp_rate');
    this.tellThinned();
    this.measureChanged();
    this.draw();
  }

  epochRange() {
    let low = Infinity, high = -Infinity;
    const widen = (epochs) => {
      low = Math.min(low, epochs[0]);
      high = Math.max(high, epochs[epochs.length - 1]);
    };
    for (const group of this.facts.groups) {
      for (const by of Object.values(group.curves)) Object.values(by).forEach((curve) => widen(curve.epochs));
    }
    for (const run of this.facts.runs) widen(run.epochs);
    if (!Number.isFinite(low)) return [0, 1];
    const pad = Math.max((high - low) * 0.02, 0.5);
    return [low - pad, high + pad];
  }

  tellThinned() {
    const all = this.facts.groups.flatMap((group) => Object.values(group.curves).flatMap((by) => Object.values(by)));
    const thinned = all.filter((curve) => curve.of);
    if (!thinned.length) return;
    const most = Math.max(...thinned.map((curve) => curve.epochs.length)), of = Math.max(...thinned.map((curve) => curve.of));
    byId('thinned').textContent = ` Of long curves some epochs are drawn, evenly chosen: at most ${told(most)} of ${told(of)}.`;
  }

  names() {
    return [...new Set(this.facts.groups.flatMap((group) => Object.keys(group.curves)))];
  }

  layerNames() {
    const all = this.facts.groups.flatMap((group) => Object.values(group.curves).flatMap((by) => Object.keys(by)));
    return [...new Set(all)].filter(Boolean);
  }

  fillMeasures(names, wanted) {
    const metrics = new Set(this.facts.metrics);
    const part = (label, own) => {
      const made = element('optgroup', '', { label });
      made.append(...own.sort().map((name) => element('option', name.replaceAll('_', ' '), { value: name })));
      return made;
    };
    const measures = names.filter((name) => !metrics.has(name) || name === 'anp_rate');
    byId('any').replaceChildren(part('Measures', measures), part('Training', names.filter((name) => metrics.has(name) && name !== 'anp_rate')));
    if (wanted) byId('any').value = wanted;
  }

  // The layers that a measure has, all of them at once where one group is drawn.
  fillOf(id, name) {
    const found = new Set(this.facts.groups.flatMap((group) => Object.keys(own(group.curves, name) || {})));
    const layers = ['', ...this.layers].filter((layer) => found.has(layer));
    const options = layers.map((layer) => [`=${layer}`, layerLabel(layer)]);
    if (this.alone && layers.length > 1) options.unshift([EACH, 'each']);
    const before = byId(id).value;
    fill(byId(id), options);
    if (options.some(([value]) => value === before)) byId(id).value = before;
    byId(id).parentElement.hidden = options.length < 2;
  }

  measureChanged() {
    const name = byId('any').value;
    this.fillOf('any-of', name);
    byId('any-meaning').textContent = own(this.facts.meanings, name) || '';
    this.drawAny();
  }

  makePlot(id, onClick) {
    const box = byId(id), plot = element('div', '', { class: 'plot' }), cursor = element('div', '', { class: 'cursor' });
    const legend = element('ul', '', { class: 'legend' });
    box.replaceChildren(plot, cursor, legend);
    plot.addEventListener('click', (event) => {
      const { left, width } = plot.getBoundingClientRect();
      const share = (event.clientX - left - MARGIN.l) / (width - MARGIN.l - MARGIN.r);
      onClick(this.range[0] + share * (this.range[1] - this.range[0]));
    }, true);
    new ResizeObserver(() => {
      if (plot.data) window.Plotly.Plots.resize(plot);
      this.moveCursor();
    }).observe(box);
    return { box, plot, cursor, legend };
  }

  // Lines of a measure: of each group, or of each layer of the only group.
  lines(name, of) {
    if (this.alone && of === EACH) {
      const by = own(this.facts.groups[0].curves, name) || {}, colours = this.facts.layerColours;
      return ['', ...this.layers].filter((layer) => own(by, layer)).map((layer) => ({
        label: layerLabel(layer), curve: by[layer],
        colour: layer ? colours[this.layers.indexOf(layer) % colours.length] : '#000000',
        dash: 'solid', width: layer ? 1.6 : 2.4,
      }));
    }
    const layer = of.slice(1);
    return this.facts.groups.map((group) => ({
      label: this.alone ? layerLabel(layer) : group.label, curve: own(own(group.curves, name), layer), colour: group.colour, dash: group.dash, width: 2,
    })).filter((line) => line.curve);
  }

  draw() {
    const accuracy = this.lines('test_accuracy', '=').map((line) => ({ ...line, label: this.alone ? 'test' : line.label }));
    if (this.alone) accuracy.push(...this.lines('validation_accuracy', '=').map((line) => ({ ...line, label: 'validation', colour: '#e69f00', width: 1.4 })));
    this.drawLines(this.plots[0], accuracy, 100, 'No accuracy was recorded.');
    this.drawAnp();
    this.drawAny();
  }

  drawAnp() {
    this.drawLines(this.plots[1], this.lines('anp_rate', byId('anp-of').value || '='), 100, 'No ANP rate was recorded.');
  }

  drawAny() {
    this.drawLines(this.plots[2], this.lines(byId('any').value, byId('any-of').value || '='), 1, 'Nothing was measured.');
  }

  drawLines({ plot, legend, cursor }, lines, factor, nothing) {
    cursor.hidden = !lines.length;
    if (!lines.length) {
      if (plot.data) window.Plotly.purge(plot);
      plot.replaceChildren(element('div', nothing, { class: 'empty' }));
      legend.replaceChildren();
      return;
    }
    if (!plot.data) plot.replaceChildren();
    const look = theme();
    const traces = lines.flatMap((line) => this.traces({ ...line, colour: seenOn(line.colour, look.paper) }, factor));
    window.Plotly.react(plot, traces, this.layout(look, flatRange(lines, factor)), { displayModeBar: false, doubleClick: false });
    const items = lines.map((line) => swatch(line, look));
    legend.replaceChildren(...(lines.length > 1 || !this.alone ? items : []));
    this.moveCursor();
  }

  traces({ label, curve, colour, dash, width }, factor) {
    const scale = (values) => values.map((value) => (value === null ? null : factor * value));
    const mean = scale(curve.mean), x = curve.epochs;
    const many = x.length > 8;
    const line = {
      x, y: mean, name: plain(label), mode: many ? 'lines' : 'lines+markers', line: { color: colour, dash, width }, marker: { size: 6, color: colour },
      hovertemplate: '%{y:.4~g}', hoverlabel: { namelength: 24 },
    };
    if (!curve.sd) return [line];
    const sd = scale(curve.sd).map((value) => value || 0);
    const band = {
      x: [...x, ...x.slice().reverse()], y: [...mean.map((value, i) => value + sd[i]), ...mean.map((value, i) => value - sd[i]).reverse()],
      fill: 'toself', fillcolor: faint(colour), line: { width: 0 }, mode: 'lines', hoverinfo: 'skip',
    };
    line.customdata = sd;
    line.hovertemplate = '%{y:.4~g} ± %{customdata:.2~g}';
    return [band, line];
  }

  layout(look, range) {
    const axis = { gridcolor: look.soft, zeroline: false, linecolor: look.rim, tickcolor: look.rim, fixedrange: true, automargin: false, tickfont: { size: 12 } };
    return {
      margin: MARGIN, showlegend: false, dragmode: false, hovermode: 'x unified', hoverdistance: -1, paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)',
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: look.muted },
      hoverlabel: { bgcolor: look.paper, bordercolor: look.rim, font: { color: look.ink, size: 12 } },
      xaxis: { ...axis, range: this.range, title: { text: 'epoch', standoff: 6 }, nticks: 6, showspikes: false, ...(this.range[1] - this.range[0] < 8 && { dtick: 1 }), unifiedhovertitle: { text: 'epoch %{x}' } },
      yaxis: { ...axis, nticks: 6, exponentformat: 'SI', ...(range && { range }) },
    };
  }

  setEpoch(epoch) {
    this.epoch = epoch;
    this.moveCursor();
  }

  moveCursor() {
    const share = (this.epoch - this.range[0]) / (this.range[1] - this.range[0]);
    for (const { plot, cursor } of this.plots || []) {
      cursor.style.left = `${MARGIN.l + share * (plot.clientWidth - MARGIN.l - MARGIN.r) - 0.75}px`;
      cursor.style.top = `${MARGIN.t}px`;
      cursor.style.height = `${Math.max(plot.clientHeight - MARGIN.t - MARGIN.b, 0)}px`;
    }
  }
}

// The range of an axis for lines that are all level, which have none of their own.
function flatRange(lines, factor) {
  const values = lines.flatMap((line) => line.curve.mean);
  const low = Math.min(...values), high = Math.max(...values);
  if (!values.length || lines.some((line) => line.curve.sd && line.curve.sd.some(Boolean)) || high - low > 1e-6 * Math.abs(high)) return null;
  const room = 0.1 * Math.abs(high) || 1;
  return [factor * (low - room), factor * (high + room)];
}

function luminance(hex) {
  const [r, g, b] = rgb(hex).map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

// A colour that can be seen on a background: itself, or mixed with white or black until it can.
function seenOn(colour, paper) {
  const back = luminance(paper), end = back < 0.5 ? 255 : 0;
  const contrast = (one) => (Math.max(luminance(one), back) + 0.05) / (Math.min(luminance(one), back) + 0.05);
  let seen = colour;
  for (let share = 0.1; contrast(seen) < (end ? 3 : 1.5) && share < 1; share += 0.1) {
    seen = `#${rgb(colour).map((value) => Math.round(value + share * (end - value)).toString(16).padStart(2, '0')).join('')}`;
  }
  return seen;
}

function faint(colour) {
  const [r, g, b] = rgb(colour);
  return `rgba(${r},${g},${b},0.18)`;
}

function swatch(line, look) {
  const item = element('li'), space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg'), stroke = document.createElementNS(space, 'line');
  svg.setAttribute('width', 24);
  svg.setAttribute('height', 10);
  svg.setAttribute('aria-hidden', 'true');
  const dash = { dash: '7 4', dot: '2 3', dashdot: '7 3 2 3' }[line.dash] || 'none';
  for (const [name, value] of Object.entries({ x1: 0, x2: 24, y1: 5, y2: 5, 'stroke-width': line.width + 0.4, stroke: seenOn(line.colour, look.paper), 'stroke-dasharray': dash })) stroke.setAttribute(name, value);
  svg.append(stroke);
  item.append(svg, element('span', line.label));
  return item;
}
