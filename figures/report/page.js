// The page put together.

function isDark() {
  const set = document.documentElement.dataset.theme;
  return set ? set === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}

async function loadPlotly() {
  const script = document.createElement('script');
  script.textContent = new TextDecoder().decode(await inflate('plotly'));
  document.head.append(script);
}

function tellTitle(facts) {
  const labels = facts.groups.map((group) => group.label), on = facts.dataset ? ` on ${facts.dataset}` : '';
  byId('title').textContent = labels.length > 4 ? `${facts.nRuns} runs${on}` : `${labels.join(', ')}${on}`;
  const names = facts.groups.flatMap((group) => group.runs);
  byId('subtitle').textContent = names.length > 3 ? `${names.length} runs in ${labels.length} groups` : names.join(', ');
}

async function start() {
  const facts = JSON.parse(byId('facts').textContent);
  tellTitle(facts);
  makeGlance(facts);
  new Measures(facts);
  makeConfiguration(facts);
  makeCommands(facts);
  let charts = null, network = null;
  byId('network').hidden = !facts.runs.length;
  if (facts.runs.length) {
    network = new Network(facts, (epoch) => charts && charts.setEpoch(epoch));
    await network.open(0);
    new ResizeObserver(() => network.draw()).observe(byId('disk-box').parentElement);
  }
  await loadPlotly();
  charts = new Charts(facts, (epoch) => network && network.goToEpoch(epoch));
  if (network) charts.setEpoch(network.run.epochs[network.k]);

  const repaint = () => {
    byId('theme').textContent = isDark() ? 'Light' : 'Dark';
    charts.draw();
    if (network) network.draw();
  };
  byId('theme').addEventListener('click', () => {
    document.documentElement.dataset.theme = isDark() ? 'light' : 'dark';
    repaint();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', repaint);
  byId('theme').textContent = isDark() ? 'Light' : 'Dark';
  document.documentElement.dataset.ready = 'true';
}

start().catch((error) => {
  byId('trouble').hidden = false;
  byId('trouble').textContent = `This page could not be drawn: ${error.message}. It needs a browser of 2023 or later.`;
  throw error;
});
