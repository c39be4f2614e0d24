// sparky_nb/wire/v1.json → src/wire/generated.ts. With --check it fails where that is stale.
import { readFileSync, writeFileSync } from 'node:fs';
import { compile } from 'json-schema-to-typescript';
import prettier from 'prettier';

const source = new URL('../../sparky_nb/wire/v1.json', import.meta.url);
const target = new URL('../src/wire/generated.ts', import.meta.url);
const schema = JSON.parse(readFileSync(source, 'utf-8'));

const banner = `/** Generated from sparky_nb/wire/v1.json by "npm run wire". Never edited by hand. */`;
const names = Object.keys(schema.$defs);
const root = {
  title: 'Wire',
  type: 'object',
  additionalProperties: false,
  required: names,
  properties: Object.fromEntries(names.map(name => [name, { $ref: `#/$defs/${name}` }])),
  $defs: Object.fromEntries(names.map(name => [name, plain(schema.$defs[name])]))
};
// The server passes events on unread, so its schema says "object"; here they are events.
root.$defs.EventsFrame.properties.events.items = { $ref: '#/$defs/Event' };
const types = await compile(root, 'Wire', {
  bannerComment: banner,
  unknownAny: true,
  format: false,
  additionalProperties: true,
  strictIndexSignatures: false
});
const union = (name, frames) =>
  `export type ${name} = ${Object.values(frames)
    .map(ref => ref.split('/').at(-1))
    .join(' | ')};`;
const table = (name, key) => `export const ${name} = ${JSON.stringify(schema[key])} as const;`;
const text = await prettier.format(
  [
    types,
    union('ServerFrame', schema['x-server-frames']),
    union('ClientFrame', schema['x-client-frames']),
    table('CLOSE_CODES', 'x-close-codes'),
    table('MOVES', 'x-moves'),
    table('TERMINAL_STATES', 'x-terminal'),
    `export const WIRE_FOLD_VERSION = ${schema['x-fold-version']};`
  ].join('\n\n'),
  { parser: 'typescript', singleQuote: true, trailingComma: 'none', arrowParens: 'avoid', printWidth: 100 }
);

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf-8') !== text) {
    console.error('src/wire/generated.ts is stale: run "npm run wire"');
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
}

/** The definition without titles and defaults: a title would make a type of its own. */
function plain(definition) {
  return JSON.parse(JSON.stringify(definition), (_key, value) => {
    if (typeof value?.title === 'string') {
      delete value.title;
    }
    if (Array.isArray(value?.prefixItems)) {
      return { ...value, items: value.prefixItems, prefixItems: undefined }; // the older spelling
    }
    if (value && typeof value === 'object' && 'default' in value && 'type' in value) {
      delete value.default;
    }
    return value;
  });
}
