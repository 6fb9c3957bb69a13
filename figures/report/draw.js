// Pictures on canvases. Links are counted pixel by pixel and toned, which is faster than lines by far.

function theme() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  return { paper: colour('panel'), ink: colour('ink'), muted: colour('muted'), link: colour('link'), rim: colour('rim'), soft: colour('soft'), mark: colour('mark'), other: colour('other'), accent: colour('accent') };
}

function rgb(hex) {
  const value = parseInt(hex.slice(1), 16);
  return [value >> 16 & 255, value >> 8 & 255, value & 255];
}

// Set a canvas to its size on the page; gives [context, width, height] in CSS pixels.
function fitted(canvas, most = 2) {
  const ratio = Math.min(window.devicePixelRatio || 1, most);
  const width = Math.max(canvas.clientWidth, 1), height = Math.max(canvas.clientHeight, 1);
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return [context, width, height];
}

const scratch = document.createElement('canvas');

// Put an image onto a canvas: tone of the counts, the more the denser, in the colour that owns the pixel.
function paintCounts(context, { counts, owners }, columns, rows, colours, strength, box, smooth) {
  scratch.width = columns;
  scratch.height = rows;
  const own = scratch.getContext('2d');
  const image = own.createImageData(columns, rows);
  const pixels = new Uint32Array(image.data.buffer);
  const inks = Uint32Array.from(colours, (colour) => {
    const [r, g, b] = rgb(colour);
    return b << 16 | g << 8 | r;
  });
  const tones = new Uint32Array(1024);
  for (let count = 1; count < 1024; count++) tones[count] = Math.round(240 * (1 - Math.exp(-strength * count))) << 24;
  for (let i = 0; i < pixels.length; i++) {
    const count = counts[i];
    if (count) pixels[i] = tones[count < 1024 ? count : 1023] | inks[owners ? owners[i] : 0];
  }
  own.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = smooth;
  context.drawImage(scratch, box.x, box.y, box.width, box.height);
}

// Count how many links pass each pixel (a digital differential analyser in fixed point). The last link that has a
// colour owns the pixel: colours are 0 for none, and the links within a community, which have one, come last.
function countLinks(size, x, y, links, shown, colourOf) {
  const counts = new Uint16Array(size * size), owners = new Uint8Array(size * size);
  const { u, v, n } = links;
  const within = [];
  const walk = (a, b, colour) => {
    const dx = x[b] - x[a], dy = y[b] - y[a];
    const steps = Math.max(1, Math.ceil(Math.max(Math.abs(dx), Math.abs(dy))));
    const stepX = Math.round(dx / steps * 65536), stepY = Math.round(dy / steps * 65536);
    let px = Math.round(x[a] * 65536), py = Math.round(y[a] * 65536);
    for (let s = 0; s < steps; s++) {
      const at = (py >> 16) * size + (px >> 16);
      counts[at]++;
      owners[at] = colour;
      px += stepX;
      py += stepY;
    }
  };
  for (let i = 0; i < n; i++) {
    const a = u[i], b = v[i];
    if (!shown[a] || !shown[b]) continue;
    if (colourOf[a] && colourOf[a] === colourOf[b]) within.push(i);
    else walk(a, b, 0);
  }
  for (const i of within) walk(u[i], v[i], colourOf[u[i]]);
  return { counts, owners };
}

function strengthFor(counts) {
  let sum = 0, n = 0;
  for (let i = 0; i < counts.length; i++) {
    if (counts[i]) {
      sum += counts[i];
      n++;
    }
  }
  return n ? Math.min(0.25, 0.5 * n / sum) : 0.2;
}

// Where the disk's neurons lie on a canvas of a size, in CSS pixels.
function diskScale(size) {
  return { centre: size / 2, reach: size / 2 - Math.max(4, size / 60) };
}

// A view's disk: paint gives a neuron's number among the colours, 0 for none, by its community and group.
function drawDisk(canvas, view, k, { colours, paint }, detail) {
  const [context, size] = fitted(canvas);
  const look = theme();
  const places = placesAt(view, k), links = linksAt(view, k);
  const { centre, reach } = diskScale(size);
  context.fillStyle = look.soft;
  context.globalAlpha = 0.45;
  context.beginPath();
  context.arc(centre, centre, reach, 0, 2 * Math.PI);
  context.fill();
  context.globalAlpha = 1;
  context.strokeStyle = look.rim;
  context.stroke();
  const pixels = Math.min(Math.round(size), 640), scale = pixels / size;
  const x = new Float32Array(view.n), y = new Float32Array(view.n), painted = new Uint8Array(view.n);
  for (let node = 0; node < view.n; node++) {
    x[node] = (centre + reach * places.x[node]) * scale;
    y[node] = (centre - reach * places.y[node]) * scale;
    painted[node] = paint(places.community[node], view.groupOf[node]);
  }
  const counted = countLinks(pixels, x, y, links, places.state, painted);
  paintCounts(context, counted, pixels, pixels, [look.link, ...colours], strengthFor(counted.counts), { x: 0, y: 0, width: size, height: size }, true);
  drawNeurons(context, view, places, links.degree, painted, [look.other, ...colours], look, (node) => [x[node] / scale, y[node] / scale], size, detail);
}

function neuronRadius(degree, most, size) {
  return size / 480 * 0.82 * Math.sqrt(2 + 58 * (degree / Math.max(most, 1)) ** 1.5);
}

function drawNeurons(context, view, places, degree, painted, colours, look, at, size, detail) {
  let most = 1;
  for (let node = 0; node < view.n; node++) most = Math.max(most, degree[node]);
  const batches = new Map();
  for (let node = 0; node < view.n; node++) {
    if (!places.state[node]) continue;
    const alive = degree[node] > 0;
    const colour = alive ? colours[painted[node]] : '';
    if (!batches.has(colour)) batches.set(colour, []);
    batches.get(colour).push(node);
  }
  // the dead lie lowest
  for (const [colour, nodes] of [...batches].sort(([a], [b]) => (a === '' ? 0 : 1) - (b === '' ? 0 : 1))) {
    context.beginPath();
    for (const node of nodes) {
      const [px, py] = at(node);
      const r = neuronRadius(degree[node], most, size);
      if (detail && view.groupOf[node] > 0 && !view.isNetwork) {
        context.rect(px - 0.89 * r, py - 0.89 * r, 1.78 * r, 1.78 * r);
      } else {
        context.moveTo(px + r, py);
        context.arc(px, py, r, 0, 6.2832);
      }
    }
    if (colour === '') {
      context.globalAlpha = 0.45;
      context.strokeStyle = look.muted;
      context.lineWidth = 0.8;
      context.stroke();
      context.globalAlpha = 1;
      continue;
    }
    context.fillStyle = colour;
    context.fill();
    if (detail) {
      context.strokeStyle = look.paper;
      context.lineWidth = 0.6;
      context.stroke();
    }
  }
}

// A neuron in the disk, its links and its neighbours, over the picture.
function drawDiskMark(canvas, view, k, node) {
  const [context, size] = fitted(canvas);
  if (node < 0) return;
  const look = theme(), places = placesAt(view, k), links = linksAt(view, k);
  const { centre, reach } = diskScale(size);
  const at = (one) => [centre + reach * places.x[one], centre - reach * places.y[one]];
  const ring = (one, r) => {
    const [px, py] = at(one);
    context.moveTo(px + r, py);
    context.arc(px, py, r, 0, 6.2832);
  };
  const others = [];
  for (let i = 0; i < links.n; i++) {
    if (links.u[i] === node) others.push(links.v[i]);
    else if (links.v[i] === node) others.push(links.u[i]);
  }
  if (!places.state[node]) return;
  const shown = others.filter((one) => places.state[one]);
  context.strokeStyle = look.mark;
  context.globalAlpha = shown.length > 30 ? 0.4 : 0.7;
  context.lineWidth = shown.length > 30 ? 0.8 : 1.2;
  context.beginPath();
  for (const one of shown) {
    context.moveTo(...at(node));
    context.lineTo(...at(one));
  }
  context.stroke();
  context.globalAlpha = 1;
  context.beginPath();
  for (const one of shown) ring(one, 3.4);
  context.stroke();
  context.strokeStyle = look.paper;
  context.lineWidth = 5;
  context.beginPath();
  ring(node, 8);
  context.stroke();
  context.strokeStyle = look.mark;
  context.lineWidth = 2.2;
  context.beginPath();
  ring(node, 8);
  context.stroke();
}

// Rows and columns of a view's mask: sources and targets of a layer, all neurons twice of the network.
function maskSides(view) {
  if (view.isNetwork) return { rows: { start: 0, n: view.n }, columns: { start: 0, n: view.n } };
  return { rows: view.groups[0], columns: view.groups[1] };
}

// Where the mask lies on its canvas: cells are square unless the layer is very oblong.
const FLATTEST = 0.5;

function maskBox(view, size) {
  const { rows, columns } = maskSides(view);
  const shape = rows.n / Math.max(columns.n, 1);
  const width = shape > 1 ? size * Math.max(1 / shape, FLATTEST) : size, height = shape < 1 ? size * Math.max(shape, FLATTEST) : size;
  return { x: (size - width) / 2, y: (size - height) / 2, width, height };
}

// The place of each neuron among its own group, by number, community or degree.
function ranksOf(view, k, order) {
  const ranks = new Uint32Array(view.n);
  const { degree } = linksAt(view, k), { community } = placesAt(view, k);
  for (const group of view.groups) {
    const nodes = Uint32Array.from({ length: group.n }, (_, i) => group.start + i);
    if (order === 'degree') nodes.sort((a, b) => degree[b] - degree[a] || a - b);
    if (order === 'community') nodes.sort((a, b) => community[a] - community[b] || degree[b] - degree[a] || a - b);
    nodes.forEach((node, i) => { ranks[node] = i + (view.isNetwork ? group.start : 0); });
  }
  return ranks;
}

function drawMask(canvas, view, k, ranks) {
  const [context, size] = fitted(canvas);
  const look = theme(), box = maskBox(view, size), { rows, columns } = maskSides(view);
  context.fillStyle = look.soft;
  context.globalAlpha = 0.45;
  context.fillRect(box.x, box.y, box.width, box.height);
  context.globalAlpha = 1;
  if (view.grid) {
    const [nRows, nColumns] = view.grid.shape;
    const counts = view.grid.counts.subarray(k * nRows * nColumns, (k + 1) * nRows * nColumns);
    paintCounts(context, { counts }, nColumns, nRows, [look.link], 2 * strengthFor(counts), box, false);
  } else {
    const nRows = Math.min(rows.n, Math.round(box.height)), nColumns = Math.min(columns.n, Math.round(box.width));
    const counts = new Uint16Array(nRows * nColumns);
    const { u, v, n } = linksAt(view, k);
    const perRow = nRows / Math.max(rows.n, 1), perColumn = nColumns / Math.max(columns.n, 1);
    for (let i = 0; i < n; i++) counts[(ranks[u[i]] * perRow | 0) * nColumns + (ranks[v[i]] * perColumn | 0)]++;
    const cells = Math.max(1, rows.n / Math.max(nRows, 1)) * Math.max(1, columns.n / Math.max(nColumns, 1));
    paintCounts(context, { counts }, nColumns, nRows, [look.link], Math.max(2.5 / cells, 1), box, false);
  }
  context.strokeStyle = look.rim;
  context.strokeRect(box.x + 0.5, box.y + 0.5, box.width - 1, box.height - 1);
}

// A neuron's row or column in the mask, and its links.
function drawMaskMark(canvas, view, k, ranks, node) {
  const [context, size] = fitted(canvas);
  if (node < 0 || view.grid) return;
  const look = theme(), box = maskBox(view, size), { rows, columns } = maskSides(view);
  const down = (one) => box.y + (ranks[one] + 0.5) / rows.n * box.height, across = (one) => box.x + (ranks[one] + 0.5) / columns.n * box.width;
  const isRow = view.isNetwork || view.groupOf[node] === 0, isColumn = view.isNetwork || view.groupOf[node] === 1;
  context.strokeStyle = context.fillStyle = look.mark;
  context.globalAlpha = 0.55;
  context.lineWidth = 1;
  context.beginPath();
  if (isRow) {
    context.moveTo(box.x, down(node));
    context.lineTo(box.x + box.width, down(node));
  }
  if (isColumn) {
    context.moveTo(across(node), box.y);
    context.lineTo(across(node), box.y + box.height);
  }
  context.stroke();
  context.globalAlpha = 1;
  const links = linksAt(view, k);
  for (let i = 0; i < links.n; i++) {
    if (links.u[i] !== node && links.v[i] !== node) continue;
    context.beginPath();
    context.arc(across(links.v[i]), down(links.u[i]), 2.6, 0, 6.2832);
    context.fill();
  }
}
