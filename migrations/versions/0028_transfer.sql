-- The one way by which rows pass from one tenant to another: a practice and everything that is its own, when both tenants
-- have agreed, each behind its own wall. Owned by the owner of the tables, who stands behind the wall as everybody does: the
-- functions move the wall, and set it back. The tables are found in the catalog, so that a new one cannot be forgotten.

-- What the other side of a transfer is told; gives the sequence of its chain before and after, for its webhooks.
create function transfer_told(other uuid, batch jsonb, out before bigint, out last bigint, out heard boolean)
language plpgsql as $$
declare
    mine text := current_setting('app.tenant_id');
begin
    perform set_config('app.tenant_id', other::text, true);
    select told.before, told.last, told.heard into before, last, heard from append_events(batch) told;
    perform set_config('app.tenant_id', mine, true);
end $$;

-- next
-- The tenant inside whose wall we are asks to hand a practice to the tenant that made this code.
create function transfer_ask(
    receiver uuid, code text, practice uuid, practice_name text, giver_name text, why text, batch jsonb,
    out transfer_id uuid, out receiver_name text, out before bigint, out last bigint, out heard boolean)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    giver uuid := current_setting('app.tenant_id')::uuid;
begin
    if giver = receiver or current_setting('app.organization_ids') <> '' then
        return;
    end if;
    perform set_config('app.tenant_id', receiver::text, true);
    update transfer set status = 'requested', code_hash = null, other_tenant_id = giver, other_tenant_name = giver_name,
        organization_id = practice, organization_name = practice_name, reason = why, version = version + 1, updated_at = now()
    where code_hash = code and status = 'offered' and valid_until > now()
    returning id into transfer_id;
    perform set_config('app.tenant_id', giver::text, true);
    if transfer_id is not null then
        select name into receiver_name from tenant where id = receiver;
        select told.before, told.last, told.heard into before, last, heard
        from transfer_told(receiver, jsonb_set(batch, '{0,subject_id}', to_jsonb(transfer_id::text))) told;
    end if;
end $$;

-- next
-- Tell the other side that this one has agreed, or will not, or that it cannot be. Only what waits can be answered.
create function transfer_tell(
    other uuid, which uuid, word text, why text, batch jsonb, out before bigint, out last bigint, out heard boolean)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    mine uuid := current_setting('app.tenant_id')::uuid;
begin
    if word not in ('accepted', 'declined', 'withdrawn', 'stopped') or current_setting('app.organization_ids') <> '' then
        raise exception 'this is nothing to tell' using errcode = 'insufficient_privilege';
    end if;
    perform set_config('app.tenant_id', other::text, true);
    update public.transfer t set status = word, problem = why, version = version + 1, updated_at = now()
    where t.id = which and t.other_tenant_id = mine
      and (t.status = 'requested' or (word = 'stopped' and t.status = 'accepted'));
    if not found then
        raise exception 'this transfer does not wait' using errcode = 'restrict_violation';
    end if;
    perform set_config('app.tenant_id', mine::text, true);
    select told.before, told.last, told.heard into before, last, heard from transfer_told(other, batch) told;
end $$;

-- next
-- True while transfer_move moves this practice: for the triggers that otherwise refuse whoever asks.
create function practice_moves(of_table oid, practice uuid) returns boolean language sql stable as $$
    select current_user = (select pg_get_userbyid(relowner) from pg_class where oid = of_table)
        and coalesce(current_setting('app.moving_practice', true), '') = practice::text
$$;

-- next
create or replace function refuse_sealed_change() returns trigger language plpgsql as $$
declare
    may_move text[] := array['status', 'in_force_until', 'updated_at', 'version'];
begin
    if old.status = 'open' then
        return coalesce(new, old);
    end if;
    if tg_op = 'DELETE' and practice_moves(tg_relid, old.organization_id) then
        return old;
    end if;
    if tg_op = 'UPDATE' and (to_jsonb(new) - may_move) = (to_jsonb(old) - may_move)
        and ((old.status = 'sealed' and new.status in ('sealed', 'superseded'))
          or (old.status = 'superseded' and new.status = 'superseded'
              and new.in_force_until is not distinct from old.in_force_until))
    then
        return new;
    end if;
    raise exception 'a sealed analysis cannot be changed' using errcode = 'restrict_violation';
end $$;

-- next
create or replace function refuse_sealed_answer() returns trigger language plpgsql as $$
declare
    spoken_to uuid[] := array[]::uuid[];
    asked uuid;
    found_status text;
begin
    if tg_op <> 'UPDATE' and practice_moves(tg_relid, (coalesce(new, old)).organization_id) then
        return coalesce(new, old);
    end if;
    if tg_op <> 'INSERT' then
        spoken_to := spoken_to || old.assessment_id;
    end if;
    if tg_op <> 'DELETE' and not (new.assessment_id = any(spoken_to)) then
        spoken_to := spoken_to || new.assessment_id;
    end if;
    foreach asked in array spoken_to loop
        select status into found_status from assessment
        where tenant_id = coalesce(new.tenant_id, old.tenant_id) and id = asked for share;
        if found_status <> 'open' then
            raise exception 'the answers of a sealed analysis cannot be changed'
                using errcode = 'restrict_violation';
        end if;
    end loop;
    return coalesce(new, old);
end $$;

-- next
create function refuse_change_but_moving() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' and practice_moves(tg_relid, old.organization_id) then
        return old;
    end if;
    raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end $$;

-- next
-- Every table of which each row belongs to one organization, parents before children. Only its subscriptions stay behind, with
-- the giver's books; a row that cannot be without something of its tenant's, such as a ticket in its ticketing tool, ends.
create function tables_of_a_practice(out name text, out ends boolean) returns setof record
language plpgsql stable set search_path = pg_catalog, public, pg_temp as $$
declare
    waiting text[];
    ready text[];
    placed text[] := array[]::text[];
    ending text[];
    more text[];
    each text;
begin
    select array_agg(c.relname::text) into waiting from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
      and a.attname = 'organization_id' and a.attnotnull and not a.attisdropped and c.relname <> 'subscription';
    loop
        select array_agg(w order by w) into ready from unnest(waiting) w where not exists (
            select from pg_constraint f join pg_class p on p.oid = f.confrelid
            where f.contype = 'f' and f.conrelid = format('public.%I', w)::regclass and f.confrelid <> f.conrelid
              and p.relname::text = any(waiting));
        exit when ready is null;
        placed := placed || ready;
        select array_agg(w) into waiting from unnest(waiting) w where not w = any(ready);
    end loop;
    if waiting is not null then
        raise exception 'these tables refer to each other in a circle: %', waiting;
    end if;
    ending := array[]::text[];
    loop
        select array_agg(w) into more from unnest(placed) w where not w = any(ending) and exists (
            select from pg_constraint f join pg_class p on p.oid = f.confrelid
            join pg_attribute a on a.attrelid = f.conrelid and a.attnum = any(f.conkey)
                and a.attname not in ('tenant_id', 'organization_id')
            where f.contype = 'f' and f.conrelid = format('public.%I', w)::regclass and a.attnotnull
              and p.relname not in ('tenant', 'organization', 'vendor', 'member')
              and (p.relname::text = any(ending) or not p.relname::text = any(placed)));
        exit when more is null;
        ending := ending || more;
    end loop;
    foreach each in array placed loop
        name := each;
        ends := each = any(ending);
        return next;
    end loop;
end $$;

-- next
-- A column that says who did or does something: it refers to a seat, or is named so.
create function names_a_member(of_table oid, place smallint) returns boolean
language sql stable set search_path = pg_catalog, public, pg_temp as $$
    select a.attname <> 'tenant_id' and (
            (a.attname like '%\_by' and a.atttypid = 'uuid'::regtype)
            or exists (select from pg_constraint f where f.contype = 'f' and f.conrelid = of_table
                       and f.confrelid = 'public.member'::regclass and place = any(f.conkey)))
    from pg_attribute a where a.attrelid = of_table and a.attnum = place
$$;

-- next
-- Move a practice out of the tenant inside whose wall we are. `carried` are the keys of the files that already lie in the
-- receiver's folder. Everything or nothing: whoever is killed meanwhile has moved nothing.
create function transfer_move(receiver uuid, which uuid, carried text[], batch jsonb,
    out moved jsonb, out before bigint, out last bigint, out heard boolean)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    giver uuid := current_setting('app.tenant_id')::uuid;
    practice uuid;
    receiver_name text;
    sent record;
    received record;
    part record;
    parts text[] := array[]::text[];
    words text;
    said text;
    counted bigint;
    vendors uuid[] := array[]::uuid[];
    members uuid[] := array[]::uuid[];
    these uuid[];
    uuids constant text := '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
    key text;
begin
    if current_setting('app.organization_ids') <> '' then
        raise exception 'only a whole tenant gives a practice away' using errcode = 'insufficient_privilege';
    end if;
    select * into sent from public.transfer t where t.id = which for update;
    perform set_config('app.tenant_id', receiver::text, true);
    select * into received from public.transfer t where t.id = which for update;
    perform set_config('app.tenant_id', giver::text, true);
    practice := sent.organization_id;
    if sent.id is null or received.id is null or sent.direction <> 'outgoing' or received.direction <> 'incoming'
        or sent.other_tenant_id <> receiver or received.other_tenant_id <> giver or received.organization_id <> practice
        or sent.agreed_at is null or received.agreed_at is null or sent.status <> 'accepted' or received.status <> 'accepted'
    then
        raise exception 'both tenants must have agreed' using errcode = 'insufficient_privilege';
    end if;
    perform from organization where id = practice and transferred_at is null for update;
    if not found then
        raise exception 'this practice is not here' using errcode = 'restrict_violation';
    end if;
    select name into receiver_name from tenant where id = receiver;
    perform set_config('app.moving_practice', practice::text, true);

    -- Out of the giver's hands, children first. Whoever writes to it meanwhile is waited for, or waits.
    update rmm_site set organization_id = null, location_id = null, version = version + 1, updated_at = now()
    where organization_id = practice;
    for part in select t.name, t.ends from tables_of_a_practice() with ordinality as t (name, ends, place)
        order by place desc
    loop
        if part.ends then
            execute format('delete from public.%I where organization_id = $1', part.name) using practice;
            continue;
        end if;
        execute format('create temp table %I (like public.%I) on commit drop', 'moving_' || part.name, part.name);
        execute format('with gone as (delete from public.%I where organization_id = $1 returning *) '
            'insert into pg_temp.%I select * from gone', part.name, 'moving_' || part.name) using practice;
        parts := part.name || parts;
        for words in
            select format('select array_agg(distinct m.%I) from pg_temp.%I m', a.attname, 'moving_' || part.name)
            from pg_attribute a where a.attrelid = format('public.%I', part.name)::regclass and not a.attisdropped
              and (a.attname = 'vendor_id' or a.attname like '%\_vendor\_id')
        loop
            execute words into these;
            vendors := vendors || these;
        end loop;
        if exists (select from pg_attribute a where a.attrelid = format('public.%I', part.name)::regclass
                   and a.attname = 'facts' and not a.attisdropped)
        then
            execute format('select array_agg(distinct found[1]::uuid) from pg_temp.%I m, '
                'lateral regexp_matches(m.facts::text, %L, ''g'') found', 'moving_' || part.name, uuids) into these;
            vendors := vendors || these;
        end if;
        for words in
            select format('select array_agg(distinct m.%I) from pg_temp.%I m', a.attname, 'moving_' || part.name)
            from pg_attribute a where a.attrelid = format('public.%I', part.name)::regclass and names_a_member(a.attrelid, a.attnum)
        loop
            execute words into these;
            members := members || these;
        end loop;
        if exists (select from pg_attribute a where a.attrelid = format('public.%I', part.name)::regclass
                   and a.attname = 'storage_key' and not a.attisdropped)
        then
            execute format('select m.storage_key from pg_temp.%I m where m.storage_key is not null '
                'and not m.storage_key = any($1) limit 1', 'moving_' || part.name) into key using carried;
            if key is not null then
                raise exception 'a file has still to be carried' using errcode = 'object_not_in_prerequisite_state';
            end if;
        end if;
    end loop;
    create temp table moving_vendor on commit drop as select * from vendor where id = any(vendors);
    create temp table moving_member on commit drop as select * from member where id = any(members);
    create temp table moving_organization on commit drop as select * from organization where id = practice;
    update organization set archived_at = coalesce(archived_at, now()), transferred_at = now(), transferred_to = receiver_name,
        specialty = null, contact_role = null, contact_email = null, security_official = null, settings = '{}',
        prior_analysis = null, facts = '{}', provenance = '{}', version = version + 1, updated_at = now()
    where id = practice;
    update public.transfer t set status = 'moved', moved_at = now(), version = version + 1, updated_at = now()
    where t.id = which;

    -- Into the receiver's, parents first. Ids stay; what is known there already is not written again.
    perform set_config('app.tenant_id', receiver::text, true);
    update moving_vendor v set ref = null where exists (select from vendor w where w.ref = v.ref and w.id <> v.id);
    update moving_vendor set tenant_id = receiver;
    insert into vendor select * from moving_vendor on conflict (tenant_id, id) do nothing;
    -- A person's seat in the giver's account is remembered as one that is over, so that it is known who did what.
    create temp table seat_there on commit drop as
        select m.id as old, coalesce(n.id, m.id) as new, n.id is not null and n.archived_at is null as seated
        from moving_member m left join member n on n.person_id = m.person_id;
    insert into member (tenant_id, id, created_at, updated_at, version, person_id, role, organization_ids, archived_at)
        select receiver, m.id, m.created_at, now(), 1, m.person_id, m.role, jsonb_build_array(practice), now()
        from moving_member m join seat_there s on s.old = m.id where s.new = m.id
        on conflict do nothing;
    update moving_organization o set tenant_id = receiver,
        ref = case when exists (select from organization n where n.ref = o.ref and n.id <> o.id) then null else o.ref end,
        transferred_at = null, transferred_to = null;
    -- It may have been here before, and come back.
    select string_agg(format('%1$I = excluded.%1$I', attname), ', ') into words from pg_attribute
    where attrelid = 'public.organization'::regclass and attnum > 0 and not attisdropped
      and attname not in ('tenant_id', 'id', 'version');
    execute 'insert into public.organization select * from pg_temp.moving_organization '
        || 'on conflict (tenant_id, id) do update set version = public.organization.version + 1, ' || words;
    delete from portfolio_line where organization_id = practice;
    moved := jsonb_build_object('vendor', (select count(*) from moving_vendor));
    foreach key in array parts loop
        select string_agg(quote_ident(a.attname), ', ' order by a.attnum),
            string_agg(case
                when a.attname = 'tenant_id' then '$1'
                when a.attname = 'assignee_id' then
                    '(select s.new from pg_temp.seat_there s where s.old = m.assignee_id and s.seated)'
                when names_a_member(a.attrelid, a.attnum) then
                    format('coalesce((select s.new from pg_temp.seat_there s where s.old = m.%1$I), m.%1$I)', a.attname)
                when a.attname = 'storage_key' then 'replace(m.storage_key, $2, $3)'
                when exists (
                    select from pg_constraint f join pg_class p on p.oid = f.confrelid
                    where f.contype = 'f' and f.conrelid = a.attrelid and a.attnum = any(f.conkey)
                      and a.attname not in ('tenant_id', 'organization_id')
                      and p.relname not in ('organization', 'vendor', 'member') and not p.relname::text = any(parts))
                then 'null'
                else format('m.%I', a.attname) end, ', ' order by a.attnum)
        into words, said
        from pg_attribute a where a.attrelid = format('public.%I', key)::regclass and a.attnum > 0
          and not a.attisdropped and a.attgenerated = '';
        execute format('insert into public.%I (%s) select %s from pg_temp.%I m', key, words, said, 'moving_' || key)
            using receiver, giver || '/', receiver || '/';
        get diagnostics counted = row_count;
        if counted > 0 then
            moved := moved || jsonb_build_object(key, counted);
        end if;
    end loop;
    update public.transfer t set status = 'moved', moved_at = now(), counts = moved, version = version + 1, updated_at = now()
    where t.id = which;
    perform set_config('app.moving_practice', '', true);
    perform set_config('app.tenant_id', giver::text, true);
    update public.transfer t set counts = moved where t.id = which;
    select told.before, told.last, told.heard into before, last, heard
    from transfer_told(receiver, jsonb_set(batch, '{0,changes,counts}', moved)) told;
end $$;
