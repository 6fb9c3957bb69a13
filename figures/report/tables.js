// Key figures, the table of measures, configuration and commands.

const SIGNIFICANT = 0.05;

function average(values) {
  const finite = values.filter((value) => value !== null);
  return finite.length ? finite.reduce((a, b) => a + b, 0) / finite.length : null;
}

function deviation(values) {
  const finite = values.filter((value) => value !== null), mean = average(finite);
  return finite.length > 1 ? Math.sqrt(finite.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (finite.length - 1)) : null;
}

function withDeviation(values, digits) {
  const mean = average(values), sd = deviation(values);
  if (mean === null) return '–';
  return sd === null ? mean.toFixed(digits) : `${mean.toFixed(digits)} ± ${sd.toFixed(digits)}`;
}

function duration(seconds) {
  if (seconds === null || !seconds) return '–';
  if (seconds < 100) return `${told(seconds, 2)} s`;
  return seconds < 6000 ? `${Math.round(seconds / 60)} min` : `${told(seconds / 3600, 2)} h`;
}

function fromTo(pair, factor = 1, unit = '') {
  return pair ? `${told(factor * pair[0], 3)}${unit} → ${told(factor * pair[1], 3)}${unit}` : '–';
}

function makeGlance(facts) {
  const box = byId('glance');
  if (facts.groups.length === 1) box.replaceChildren(cards(facts.groups[0]));
  else {
    const head = ['Runs', 'Seeds', 'Test accuracy (%)', 'AAE (%)', 'ANP rate', 'Links', 'Epochs', 'Time'];
    const rows = facts.groups.map(({ label, runs, key }) => [
      label, String(runs.length), withDeviation(key.accuracy, 2), withDeviation(key.aae, 2), fromTo(key.anp, 100, '\u00a0%'), fromTo(key.links), told(key.epochs), duration(average(key.seconds)),
    ]);
    const scroll = element('div', '', { class: 'scroll', tabindex: '0', role: 'region', 'aria-labelledby': 'glance-heading' });
    scroll.append(simpleTable(head, rows));
    box.replaceChildren(scroll);
  }
  const note = byId('unmeasured');
  note.hidden = !facts.unmeasured;
  if (facts.unmeasured) {
    const [n, all] = [facts.unmeasured, facts.nRuns];
    note.append(`${n === all ? (n === 1 ? 'This run has' : 'These runs have') : `${n} of ${all} runs have`} no table of measures: places in the disk, communities and most measures are missing. ${all === 1 ? 'Make it' : 'Make it for each'}, then this page again: `, element('code', facts.measuring));
  }
}

function cards({ key, runs }) {
  const list = element('dl', '', { class: 'cards' });
  const card = (word, value, more) => {
    if (value === '–') return;
    const made = element('div', '', { class: 'card' });
    made.append(element('dt', word), element('dd', value), element('dd', more));
    list.append(made);
  };
  const several = runs.length > 1 ? `mean ± sd of ${runs.length} seeds` : '';
  card('Test accuracy', key.accuracy.length ? `${withDeviation(key.accuracy, 2)}\u00a0%` : '–', several || `after epoch ${key.epochs}`);
  card('AAE', key.aae.length ? `${withDeviation(key.aae, 2)}\u00a0%` : '–', 'mean over the epochs');
  card('ANP rate', key.anp ? `${told(100 * key.anp[1], 3)}\u00a0%` : '–', key.anp ? `from ${told(100 * key.anp[0], 3)}\u00a0%` : '');
  card('Links', key.links ? told(key.links[1]) : '–', key.links ? `from ${told(key.links[0])}` : '');
  card('Neurons', key.neurons ? told(key.neurons) : '–', key.layers ? `${key.layers} sparse ${key.layers === 1 ? 'layer' : 'layers'}` : '');
  card('Time', duration(average(key.seconds)), `${key.epochs} epochs`);
  return list;
}

function simpleTable(head, rows, numbers = (i) => i > 0) {
  const table = element('table'), top = element('tr');
  top.append(...head.map((text, i) => element('th', text, { scope: 'col', class: numbers(i) ? 'number' : '' })));
  const body = element('tbody');
  body.append(...rows.map((cells) => {
    const row = element('tr');
    row.append(...cells.map((text, i) => (i ? element('td', text, { class: numbers(i) ? 'number' : '' }) : element('th', text, { scope: 'row' }))));
    return row;
  }));
  table.append(element('thead'), body);
  table.tHead.append(top);
  return table;
}

class Measures {
  constructor(facts) {
    this.facts = facts;
    this.rows = facts.groups.flatMap((group, at) => group.measures.map((row, i) => ({ ...row, group: group.label, position: at * 10000 + i })));
    this.models = [...new Set(this.rows.flatMap((row) => Object.keys(row.chance)))];
    this.columns = this.makeColumns();
    this.sort = null;
    const layers = [...new Set(this.rows.map((row) => row.layer))].sort((a, b) => (a === '' ? -1 : b === '' ? 1 : 0));
    fill(byId('measures-of'), [['*', 'network and layers'], ...layers.map((layer) => [`=${layer}`, layerLabel(layer)])], layers.includes('') ? '=' : '*');
    byId('measures-of').addEventListener('change', () => this.draw());
    byId('find').addEventListener('input', () => this.draw());
    this.makeHead();
    this.draw();
    for (const id of ['measures-bar', 'measures-box']) byId(id).hidden = !this.rows.length;
    byId('measures-note').textContent = this.note();
  }

  makeColumns() {
    const several = this.facts.groups.length > 1, seeds = this.facts.groups.some((group) => group.runs.length > 1);
    const columns = [
      { head: 'Measure', value: (row) => row.measure, text: (row) => row.measure.replaceAll('_', ' '), small: (row) => own(this.facts.meanings, row.measure) || '' },
      { head: 'Of', value: (row) => row.layer, text: (row) => layerLabel(row.layer) },
    ];
    if (several) columns.push({ head: 'Runs', value: (row) => row.group, text: (row) => row.group });
    const number = (head, value, text = (row) => told(value(row))) => columns.push({ head, value, text, number: true });
    number('First', (row) => row.first);
    number('Last', (row) => row.last, (row) => (row.last === null && row.reason ? row.reason : told(row.last)));
    number('Change', (row) => (row.first === null || row.last === null ? null : row.last - row.first), (row) => (row.epochs.length < 2 ? '–' : told(row.first === null || row.last === null ? null : row.last - row.first)));
    if (seeds) number('± sd', (row) => deviation(row.values));
    if (this.rows.some((row) => row.error !== null)) number('± standard error', (row) => row.error);
    for (const model of this.models) {
      const chance = (row) => own(row.chance, model);
      number(`Chance: ${model}`, (row) => (chance(row) ? chance(row).mean : null));
      number('z', (row) => (chance(row) ? average(chance(row).z) : null));
      number('p', (row) => (chance(row) ? average(chance(row).p) : null));
      columns.push({ head: 'Against chance', value: (row) => verdict(row, chance(row)), text: (row) => verdict(row, chance(row)) });
    }
    if (this.rows.some((row) => row.against !== undefined)) {
      number(`p against ${this.facts.groups[0].label}`, (row) => (row.against === undefined ? null : row.against), (row) => (row.against === undefined ? '–' : `${told(row.against, 3)}${row.against < SIGNIFICANT ? ', differs' : ''}`));
    }
    return columns;
  }

  note() {
    if (!this.rows.length) return 'No run has a table of measures.';
    const parts = ['First and last are the measure’s first and last epoch.'];
    if (this.models.length) parts.push('p is the two-sided empirical p of the last epoch against null models; above or below chance: p < 0.05.');
    else parts.push('None was compared with null models; the commands below tell how.');
    if (this.columns.some((column) => column.head.startsWith('p against'))) parts.push('p against the first runs is Welch’s t-test over the seeds; differs: p < 0.05.');
    parts.push('No p is corrected for the number of measures.');
    return parts.join(' ');
  }

  makeHead() {
    const top = element('tr');
    this.columns.forEach((column, i) => {
      const cell = element('th', '', { scope: 'col', class: column.number ? 'number' : '' });
      const button = element('button', column.head, { type: 'button' });
      button.addEventListener('click', () => {
        this.sort = { i, down: this.sort && this.sort.i === i ? !this.sort.down : Boolean(column.number) };
        this.draw();
      });
      cell.append(button);
      top.append(cell);
    });
    const table = byId('measures');
    table.append(element('thead'), element('tbody'));
    table.tHead.append(top);
  }

  draw() {
    const wanted = byId('find').value.trim().toLowerCase().replaceAll(' ', '_'), of = byId('measures-of').value;
    const shown = this.rows.filter((row) => (of === '*' || of === `=${row.layer}`) && row.measure.toLowerCase().includes(wanted));
    if (this.facts.groups.length > 1) shown.sort((a, b) => a.position % 10000 - b.position % 10000 || a.position - b.position);
    if (this.sort) {
      const { value } = this.columns[this.sort.i], sign = this.sort.down ? -1 : 1;
      shown.sort((a, b) => compare(value(a), value(b), sign));
    }
    const table = byId('measures');
    table.classList.toggle('of-one', of !== '*');
    [...table.tHead.rows[0].cells].forEach((cell, i) => {
      const sorted = this.sort && this.sort.i === i;
      cell.setAttribute('aria-sort', sorted ? (this.sort.down ? 'descending' : 'ascending') : 'none');
      cell.firstChild.textContent = this.columns[i].head + (sorted ? (this.sort.down ? ' ↓' : ' ↑') : '');
    });
    table.tBodies[0].replaceChildren(...shown.map((row) => {
      const made = element('tr');
      made.append(...this.columns.map((column, i) => {
        const cell = element(i ? 'td' : 'th', column.text(row), i ? { class: column.number ? 'number' : '' } : { scope: 'row' });
        if (column.small && column.small(row)) cell.append(element('small', column.small(row)));
        return cell;
      }));
      return made;
    }));
    byId('measures-count').textContent = `${shown.length} of ${this.rows.length} rows`;
  }
}

// Values in order, those that are missing last.
function compare(a, b, sign) {
  if (a === null || b === null) return (a === null) - (b === null);
  return sign * (typeof a === 'string' ? a.localeCompare(b, 'en') : a - b);
}

function verdict(row, chance) {
  if (!chance) return '–';
  const few = chance.p.filter((p) => p !== null && p < SIGNIFICANT).length;
  const side = row.last > chance.mean ? 'above' : 'below';
  if (chance.p.length === 1) return few ? `${side} chance, p\u00a0<\u00a00.05` : 'as by chance';
  return few ? `${side} chance in ${few} of ${chance.p.length}` : 'as by chance';
}

function makeConfiguration(facts) {
  const several = facts.groups.length > 1;
  byId('only-field').hidden = !several;
  const draw = () => {
    const rows = facts.configuration.filter((row) => row.differs || !byId('only').checked);
    const cells = rows.map((row) => [row.option, ...row.values.map((value) => (value === '' ? '(empty)' : value)), ...(several ? [row.differs ? 'differs' : ''] : [])]);
    const made = simpleTable(['Option', ...(several ? [...facts.groups.map((group) => group.label), ''] : ['Value'])], cells, () => false);
    rows.forEach((row, i) => made.tBodies[0].rows[i].classList.toggle('differs', row.differs));
    byId('configuration').replaceChildren(...(facts.configuration.length ? made.children : [element('caption', 'No configuration is stored.')]));
  };
  byId('only').addEventListener('change', draw);
  draw();
}

function makeCommands(facts) {
  byId('commands-of').textContent = facts.nRuns > 1 ? `Of the first run, ${facts.groups[0].runs[0]}.` : '';
  byId('commands').replaceChildren(...facts.commands.map(({ what, command }) => {
    const part = element('div'), code = element('code', command, { tabindex: '0' }), line = element('dd');
    const copy = element('button', 'Copy', { type: 'button', 'aria-label': `Copy: ${what}` });
    copy.addEventListener('click', () => copyText(code, copy));
    const term = element('dt', what);
    term.append(copy);
    line.append(code);
    part.append(term, line);
    return part;
  }));
  const { versions, git_revision: revision, platform } = facts.environment;
  const parts = versions && typeof versions === 'object' ? Object.entries(versions).map(([name, version]) => `${name} ${version}`) : [];
  if (typeof platform === 'string') parts.push(platform);
  if (typeof revision === 'string' && revision) parts.push(`git ${revision.slice(0, 10)}`);
  byId('versions').textContent = parts.length ? `Trained with ${parts.join(', ')}.` : '';
}

async function copyText(code, button) {
  getSelection().selectAllChildren(code);
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  } catch {
    button.textContent = 'Selected';
  }
}
