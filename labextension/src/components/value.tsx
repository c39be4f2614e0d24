/** Any JSON value, readable: text, a small tree, a table, an image, a large payload's beginning. */

import { useState } from 'react';

import { textOf } from '../state/text';
import { Mime } from './mime';
import { useEnv } from './env';
import { oneLine } from './line';
import { tame } from './terminal';

const FOLD_CHARS = 2_000;
const FOLD_LINES = 24;
/** Of a text of its own: it is opened where somebody wants to read it. */
const TEXT_LINES = 12;
const ROWS = 50;
const CHILDREN = 100;

export function Value({ value, chatId }: { value: unknown; chatId: string }): JSX.Element {
  const blob = blobOf(value);
  if (blob) {
    return <Blob blob={blob} chatId={chatId} />;
  }
  if (typeof value === 'string') {
    return <LongText text={value} />;
  }
  if (isBundle(value)) {
    return <Mime data={value} />;
  }
  const table = tableOf(value);
  if (table) {
    return <Table {...table} />;
  }
  return (
    <div className="sparky-tree">
      <Node value={value} depth={0} />
    </div>
  );
}

/** Text, its rest folded away where it is long. */
export function LongText({ text }: { text: string }): JSX.Element {
  const { trans } = useEnv();
  const [open, setOpen] = useState(false);
  const plain = tame(text);
  const short = shorten(plain, TEXT_LINES);
  return (
    <div className="sparky-longtext">
      <pre className="sparky-text">{open ? plain : short}</pre>
      {short !== plain && (
        <button className="sparky-link" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open
            ? trans.__('Show less')
            : trans.__('Show all %1 characters', plain.length.toLocaleString())}
        </button>
      )}
    </div>
  );
}

export function shorten(text: string, most = FOLD_LINES): string {
  const lines = text.slice(0, FOLD_CHARS).split('\n').slice(0, most).join('\n');
  return lines.length < text.length ? lines + ' …' : text;
}

function Node({
  name,
  value,
  depth
}: {
  name?: string;
  value: unknown;
  depth: number;
}): JSX.Element {
  const label = name === undefined ? null : <span className="sparky-tree-key">{name}: </span>;
  if (value === null || typeof value !== 'object') {
    return (
      <div className="sparky-tree-leaf">
        {label}
        <span className={`sparky-tree-${value === null ? 'null' : typeof value}`}>
          {typeof value === 'string' ? shorten(tame(value)) : String(value)}
        </span>
      </div>
    );
  }
  const entries = Object.entries(value as Record<string, unknown>);
  const brackets = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  const root = depth === 0 && name === undefined;
  // Of an object that is all there is, each part has a line of its own.
  const line = root && !Array.isArray(value) && entries.length > 0 ? null : oneLine(value);
  if (line !== null) {
    return (
      <div className="sparky-tree-leaf">
        {label}
        {line}
      </div>
    );
  }
  const table = root ? null : tableOf(value);
  const children = entries
    .slice(0, CHILDREN)
    .map(([key, child]) => <Node key={key} name={key} value={child} depth={depth + 1} />);
  if (root) {
    return <div className="sparky-tree-root">{children}</div>;
  }
  return (
    <Branch
      summary={
        <>
          {label}
          {`${brackets[0]}${entries.length}${brackets[1]}`}
        </>
      }
      open={depth < 2}
    >
      {table ? <Table {...table} /> : children}
      {!table && entries.length > CHILDREN && <div>… {entries.length - CHILDREN}</div>}
    </Branch>
  );
}

/** Children are made only once it has been opened: a tree may be large. */
function Branch(props: {
  summary: JSX.Element;
  open: boolean;
  children: React.ReactNode;
}): JSX.Element {
  const [open, setOpen] = useState(props.open);
  return (
    <details open={open} onToggle={event => setOpen(event.currentTarget.open)}>
      <summary>{props.summary}</summary>
      {open && <div className="sparky-tree-children">{props.children}</div>}
    </details>
  );
}

function Table({
  columns,
  rows
}: {
  columns: string[];
  rows: Record<string, unknown>[];
}): JSX.Element {
  const { trans } = useEnv();
  return (
    <div className="sparky-table" tabIndex={0} role="region" aria-label={trans.__('Table')}>
      <table>
        <thead>
          <tr>
            {columns.map(column => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, ROWS).map((row, n) => (
            <tr key={n}>
              {columns.map(column => (
                <td key={column}>{cell(row[column])}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > ROWS && <div>{trans.__('%1 rows more', rows.length - ROWS)}</div>}
    </div>
  );
}

interface BlobRef {
  sha256: string;
  size: number;
  media_type: string;
  preview: string;
}

function Blob({ blob, chatId }: { blob: BlobRef; chatId: string }): JSX.Element {
  const { rest, trans } = useEnv();
  const size = `${(blob.size / 1024).toLocaleString(undefined, { maximumFractionDigits: 0 })} KiB`;
  return (
    <div className="sparky-blob">
      <pre className="sparky-text">{shorten(tame(blob.preview))}</pre>
      <a href={rest.blobUrl(chatId, blob.sha256)} download>
        {trans.__('Download all of it (%1, %2)', blob.media_type, size)}
      </a>
    </div>
  );
}

function blobOf(value: unknown): BlobRef | null {
  const ref = (value as { ref?: Partial<Record<keyof BlobRef, unknown>> | null } | null | undefined)
    ?.ref;
  return typeof ref?.sha256 === 'string' && /^[0-9a-f]{64}$/.test(ref.sha256)
    ? {
        sha256: ref.sha256,
        size: typeof ref.size === 'number' ? ref.size : 0,
        media_type: textOf(ref.media_type, 'application/octet-stream'),
        preview: textOf(ref.preview)
      }
    : null;
}

/** A Jupyter MIME bundle: every key is a media type, and one of them is text/plain. */
function isBundle(value: unknown): value is Record<string, unknown> {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    return false;
  }
  return 'text/plain' in value && Object.keys(value).every(key => key.includes('/'));
}

function tableOf(value: unknown): { columns: string[]; rows: Record<string, unknown>[] } | null {
  if (!Array.isArray(value) || value.length < 2) {
    return null;
  }
  const rows = value as Record<string, unknown>[];
  const flat = rows.every(
    row =>
      row !== null &&
      typeof row === 'object' &&
      !Array.isArray(row) &&
      Object.values(row).every(v => v === null || typeof v !== 'object')
  );
  const columns = flat ? [...new Set(rows.flatMap(row => Object.keys(row)))] : [];
  return flat && columns.length > 0 && columns.length <= 12 ? { columns, rows } : null;
}

function cell(value: unknown): string {
  return value === undefined || value === null ? '' : shorten(tame(`${value as string | number}`));
}
