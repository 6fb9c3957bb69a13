// What the page knows: numbers unpacked from the file, and views, which are what a disk and a mask show.

const NONE = 65535;

function byId(id) {
  return document.getElementById(id);
}

async function inflate(id) {
  const raw = atob(byId(id).textContent);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Response(stream).arrayBuffer();
}

function take(buffer, place) {
  const Type = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }[place.bytes];
  return new Type(buffer, place.at, place.n);
}

// The spans of life of a layer's links, in the order of their first epoch.
function unpackSpans(buffer, spans) {
  const begin = take(buffer, spans.begin), step = take(buffer, spans.step), more = take(buffer, spans.more);
  const n = step.length;
  const source = new Uint32Array(n), first = new Uint16Array(n), last = new Uint16Array(n);
  for (let epoch = 0, i = 0; epoch < begin.length; epoch++) {
    for (let k = 0, at = 0; k < begin[epoch]; k++, i++) {
      at += step[i];
      source[i] = at;
      first[i] = epoch;
      last[i] = epoch + more[i];
    }
  }
  return { source, target: take(buffer, spans.target), first, last };
}

// A run: its epochs, layers, and a view of each layer and of the whole network.
function unpackRun(facts, buffer) {
  const layers = facts.layers.map((layer) => ({
    ...layer,
    links: layer.spans && unpackSpans(buffer, layer.spans),
    grid: layer.grid && { shape: layer.grid.shape, counts: take(buffer, layer.grid) },
  }));
  const views = layers.map((layer) => {
    const groups = [{ name: layer.source, n: layer.shape[0] }, { name: layer.target, n: layer.shape[1] }];
    return makeView(layer.name, layer.name, groups, [layer], layer.places, buffer);
  });
  if (facts.whole) {
    views.push(makeView('', 'whole network', facts.groups, layers, facts.places, buffer));
  }
  return { ...facts, layers, views };
}

function makeView(name, label, groups, layers, places, buffer) {
  let n = 0;
  const placed = groups.map((group) => {
    const start = n;
    n += group.n;
    return { ...group, start };
  });
  const start = Object.fromEntries(placed.map((group) => [group.name, group.start]));
  const groupOf = new Uint16Array(n);
  placed.forEach((group, i) => groupOf.fill(i, group.start, group.start + group.n));
  return {
    name, label, n, groupOf, groups: placed, isNetwork: layers.length > 1,
    parts: layers.map((layer) => ({ layer, source: start[layer.source], target: start[layer.target] })),
    grid: layers.length === 1 ? layers[0].grid : null,
    places: places && {
      ...places, theta: take(buffer, places.theta), radius: take(buffer, places.radius), community: take(buffer, places.community),
    },
    placed: new Map(), linked: null,
  };
}

function neuronOf(view, node) {
  const group = view.groups[view.groupOf[node]];
  return { group: group.name, index: node - group.start };
}

function nodeOf(view, neuron) {
  const group = neuron && view.groups.find((one) => one.name === neuron.group);
  return group && neuron.index < group.n ? group.start + neuron.index : -1;
}

// The links of a view at an epoch, and the degree of each neuron.
function linksAt(view, k) {
  if (view.linked && view.linked.k === k) return view.linked;
  let room = 0;
  for (const part of view.parts) room += part.layer.links ? part.layer.nLinks[k] : 0;
  const u = new Uint32Array(room), v = new Uint32Array(room), degree = new Uint32Array(view.n);
  let n = 0;
  for (const part of view.parts) {
    if (!part.layer.links) continue;
    const { source, target, first, last } = part.layer.links;
    for (let i = 0; i < source.length && first[i] <= k; i++) {
      if (last[i] < k) continue;
      u[n] = part.source + source[i];
      v[n] = part.target + target[i];
      degree[u[n]]++;
      degree[v[n]]++;
      n++;
    }
  }
  view.linked = { k, u, v, n, degree };
  return view.linked;
}

// Places of the latest embedding up to an epoch (before the first one: of the first). A neuron that has lost its place
// keeps the last one: state 2. Without embeddings the groups are rings.
function placesAt(view, k) {
  let i = -1;
  if (view.places) {
    i = 0;
    while (i + 1 < view.places.at.length && view.places.at[i + 1] <= k) i++;
  }
  if (!view.placed.has(i)) view.placed.set(i, i < 0 ? rings(view) : embedded(view, i));
  return view.placed.get(i);
}

function embedded(view, i) {
  const { theta, radius, community, rim, at, numbers } = view.places;
  const found = {
    embedded: true, k: at[i], rim: rim[i], numbers: numbers[i],
    x: new Float32Array(view.n), y: new Float32Array(view.n), state: new Uint8Array(view.n),
    theta: new Float32Array(view.n).fill(NaN), radius: new Float32Array(view.n).fill(NaN), community: community.subarray(i * view.n, (i + 1) * view.n),
  };
  for (let node = 0; node < view.n; node++) {
    for (let j = i; j >= 0; j--) {
      const r = radius[j * view.n + node];
      if (r === NONE) continue;
      const angle = 2 * Math.PI * theta[j * view.n + node] / (NONE - 1);
      found.x[node] = r / (NONE - 1) * Math.cos(angle);
      found.y[node] = r / (NONE - 1) * Math.sin(angle);
      found.state[node] = j === i ? 1 : 2;
      if (j === i) {
        found.theta[node] = angle;
        found.radius[node] = r / (NONE - 1) * rim[i];
      }
      break;
    }
  }
  return found;
}

function rings(view) {
  const found = {
    embedded: false, numbers: {}, x: new Float32Array(view.n), y: new Float32Array(view.n), state: new Uint8Array(view.n).fill(1),
    theta: new Float32Array(view.n).fill(NaN), radius: new Float32Array(view.n).fill(NaN), community: new Uint16Array(view.n).fill(NONE),
  };
  view.groups.forEach((group, ring) => {
    const r = 0.97 - 0.6 * ring / Math.max(view.groups.length - 1, 1);
    for (let i = 0; i < group.n; i++) {
      const angle = Math.PI / 2 - 2 * Math.PI * (i + 0.5) / group.n;
      found.x[group.start + i] = r * Math.cos(angle);
      found.y[group.start + i] = r * Math.sin(angle);
    }
  });
  return found;
}

// The neurons that a neuron is linked with in the whole network: into it and out of it, layer by layer.
function neighboursAt(run, neuron, k) {
  const into = [], out = [];
  for (const layer of run.layers) {
    if (!layer.links || (layer.source !== neuron.group && layer.target !== neuron.group)) continue;
    const { source, target, first, last } = layer.links;
    const isSource = layer.source === neuron.group;
    const ends = [];
    for (let i = 0; i < source.length && first[i] <= k; i++) {
      if (last[i] < k) continue;
      if (isSource ? source[i] === neuron.index : target[i] === neuron.index) ends.push(isSource ? target[i] : source[i]);
    }
    ends.sort((a, b) => a - b);
    (isSource ? out : into).push({ group: isSource ? layer.target : layer.source, layer: layer.name, ends });
  }
  return { into, out };
}

const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

function told(value, digits = 4) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size >= 1e6 && !Number.isInteger(value)) return value.toExponential(digits - 1).replace('e+', 'e');
  if (size >= 1000) return WHOLE.format(value).replace('-', '−');
  return String(Number(value.toPrecision(digits))).replace('-', '−');
}

function element(name, text = '', attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// A value by a name from a file, which may be called like one that every object has.
function own(object, name) {
  return object && Object.hasOwn(object, name) ? object[name] : undefined;
}

function fill(select, options, chosen) {
  select.replaceChildren(...options.map(([value, text]) => element('option', text, { value })));
  if (chosen !== undefined) select.value = chosen;
}
