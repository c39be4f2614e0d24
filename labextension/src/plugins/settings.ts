import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import { Signal } from '@lumino/signaling';

import type { Settings } from '../tokens';
import { DEFAULTS } from '../tokens';

export const PLUGIN_ID = '@sparky-nb/labextension:plugin';

/** The settings as they are now; the defaults until the registry has answered. */
export class SettingsStore {
  values: Settings = DEFAULTS;
  readonly changed = new Signal<this, void>(this);
  private registered: ISettingRegistry.ISettings | null = null;

  async load(registry: ISettingRegistry): Promise<void> {
    const settings = await registry.load(PLUGIN_ID);
    const read = (): void => {
      this.values = { ...DEFAULTS, ...(settings.composite as unknown as Partial<Settings>) };
      this.changed.emit();
    };
    this.registered = settings;
    settings.changed.connect(read);
    read();
  }

  async set<K extends keyof Settings>(name: K, value: Settings[K]): Promise<void> {
    this.values = { ...this.values, [name]: value };
    this.changed.emit();
    await this.registered?.set(name, value);
  }
}
